package rocketchattest

import (
	"maps"
	"slices"
	"strings"
)

// A User is what the Service holds of one user.
type User struct {
	ID           string
	Username     string
	Name         string
	Nickname     string
	Bio          string
	Type         string
	Active       bool
	Roles        []string
	Emails       []Email
	CustomFields map[string]any
	// RequirePasswordChange is what the last call said of it.
	RequirePasswordChange bool
	// Password is the one that it was made with, or last given.
	Password string
	// AvatarURL is where the picture came from, "" for none.
	AvatarURL string
	// DefaultChannels means that the user joined them.
	DefaultChannels bool
	// SoleOwner means that rooms have no other owner: deleting the user needs to
	// confirm that.
	SoleOwner bool
}

// An Email is an address of a User.
type Email struct {
	Address  string `json:"address"`
	Verified bool   `json:"verified"`
}

func (u *User) clone() User {
	c := *u
	c.Roles, c.Emails, c.CustomFields = slices.Clone(u.Roles), slices.Clone(u.Emails), maps.Clone(u.CustomFields)
	return c
}

// json is how the server tells of u, whole or to somebody without the permission
// view-full-other-user-info.
func (u *User) json(whole bool, definitions map[string]CustomField) map[string]any {
	m := map[string]any{"_id": u.ID, "username": u.Username, "type": u.Type, "active": u.Active, "status": "offline"}
	for key, text := range map[string]string{"name": u.Name, "nickname": u.Nickname, "bio": u.Bio} {
		if text != "" {
			m[key] = text
		}
	}
	custom := maps.Clone(u.CustomFields)
	if whole {
		m["roles"] = u.Roles
		m["emails"] = u.Emails
		m["requirePasswordChange"] = u.RequirePasswordChange
	} else {
		maps.DeleteFunc(custom, func(key string, _ any) bool { return !definitions[key].Public })
	}
	if len(custom) > 0 {
		m["customFields"] = custom
	}
	return m
}

// byUsername finds the user with this name, whatever its case.
func (s *Service) byUsername(username string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.Username, username) {
			return u
		}
	}
	return nil
}

// byEmail finds the user with this address.
func (s *Service) byEmail(address string) *User {
	for _, u := range s.users {
		for _, e := range u.Emails {
			if strings.EqualFold(e.Address, address) {
				return u
			}
		}
	}
	return nil
}

// info is users.info. The server looks for an id also where it was given a
// username, and the other way round.
func (s *Service) info(q request) (map[string]any, *refusal) {
	query := q.URL.Query()
	var found *User
	switch {
	case query.Has("userId"), query.Has("username"):
		value := query.Get("userId") + query.Get("username")
		if found = s.users[value]; found == nil {
			for _, u := range s.users {
				if u.Username == value {
					found = u
				}
			}
		}
	case query.Has("email"):
		found = s.byEmail(query.Get("email"))
	}
	if found == nil {
		return nil, plain("User not found.")
	}
	return map[string]any{"user": found.json(s.may("view-full-other-user-info"), s.o.CustomFields)}, nil
}

// fields are what users.create and the data of users.update have in common. nil:
// not mentioned.
type fields struct {
	Email, Name, Password, Username, Bio, Nickname *flexString
	Roles                                          []flexString
	Active, Verified                               *flexBool
	RequirePasswordChange, SetRandomPassword       *flexBool
	SendWelcomeEmail, JoinDefaultChannels          *flexBool
	CustomFields                                   map[string]any
}

func (s *flexString) text() string {
	if s == nil {
		return ""
	}
	return string(*s)
}

func (b *flexBool) set() bool { return b != nil && bool(*b) }

// create is users.create.
func (s *Service) create(q request) (map[string]any, *refusal) {
	f := decode[fields](q)
	if !s.may("create-user") {
		return nil, notAllowed("Adding user is not allowed", "Adding_user")
	}
	username, email := f.Username.text(), strings.ToLower(strings.TrimSpace(f.Email.text()))
	if refused := s.checkCustom(f.CustomFields); refused != nil {
		return nil, refused
	}
	if username == "" {
		return nil, coded("error-the-field-is-required", "The field Username is required", nil)
	}
	if f.Password.text() == "" && !f.SetRandomPassword.set() {
		return nil, coded("error-the-field-is-required", "The field Password is required", nil)
	}
	if refused := s.checkUsername(username, nil); refused != nil {
		return nil, refused
	}
	if refused := s.checkEmail(email, nil); refused != nil {
		return nil, refused
	}
	if refused := checkName(f.Name.text()); refused != nil {
		return nil, refused
	}
	if refused := checkLengths(f); refused != nil {
		return nil, refused
	}
	u := &User{
		ID: newID(), Username: username, Name: f.Name.text(), Type: "user", Active: true,
		Emails: []Email{{Address: email, Verified: f.Verified.set()}}, Roles: []string{"user"},
		DefaultChannels: f.JoinDefaultChannels == nil || f.JoinDefaultChannels.set(),
	}
	s.users[u.ID] = u
	s.write(u, f)
	if f.SendWelcomeEmail.set() || f.SetRandomPassword.set() {
		s.mails = append(s.mails, email)
	}
	return map[string]any{"user": u.json(true, s.o.CustomFields)}, nil
}

// update is users.update.
func (s *Service) update(q request) (map[string]any, *refusal) {
	body := decode[struct {
		UserID flexString
		Data   fields
	}](q)
	f := body.Data
	if !s.may("edit-other-user-info") {
		return nil, notAllowed("Editing user is not allowed", "Editing_user")
	}
	u := s.users[string(body.UserID)]
	if u == nil {
		if s.o.Orphans {
			orphan := &User{ID: newID(), Username: f.Username.text(), Name: f.Name.text(), Type: "user", Active: true}
			s.users[orphan.ID] = orphan
			return nil, plain("User not found")
		}
		return nil, coded("error-user-not-found", "User not found", nil)
	}
	if username := f.Username.text(); username != "" && username != u.Username {
		if refused := s.checkUsername(username, u); refused != nil {
			if refused.code == "error-field-unavailable" {
				refused = coded("error-could-not-save-identity", "Could not save user identity", map[string]any{"method": "saveUser"})
			}
			return nil, refused
		}
	}
	if refused := checkName(f.Name.text()); refused != nil {
		return nil, refused
	}
	email := strings.ToLower(strings.TrimSpace(f.Email.text()))
	if email != "" {
		if refused := s.checkEmail(email, u); refused != nil {
			return nil, refused
		}
	}
	if refused := checkLengths(f); refused != nil {
		return nil, refused
	}
	if f.CustomFields != nil {
		if refused := s.checkCustom(f.CustomFields); refused != nil {
			return nil, refused
		}
	}
	if username := f.Username.text(); username != "" {
		u.Username = username
	}
	if name := f.Name.text(); name != "" {
		u.Name = name
	}
	if email != "" && (len(u.Emails) == 0 || u.Emails[0].Address != email) {
		if len(u.Emails) > 0 {
			s.mails = append(s.mails, u.Emails[0].Address)
		}
		if !f.Verified.set() {
			s.mails = append(s.mails, email)
		}
		u.Emails = []Email{{Address: email}}
	}
	if f.Verified != nil && len(u.Emails) > 0 {
		u.Emails[0].Verified = f.Verified.set()
	}
	s.write(u, f)
	return map[string]any{"user": u.json(true, s.o.CustomFields)}, nil
}

// write is what create and update do alike. Bio and nickname are set, whether
// mentioned or not.
func (s *Service) write(u *User, f fields) {
	u.Bio, u.Nickname = strings.TrimSpace(f.Bio.text()), strings.TrimSpace(f.Nickname.text())
	if f.Password.text() != "" {
		u.Password = f.Password.text()
	}
	if f.RequirePasswordChange != nil {
		u.RequirePasswordChange = f.RequirePasswordChange.set()
	}
	if f.Active != nil {
		u.Active = f.Active.set()
	}
	if len(f.Roles) > 0 {
		u.Roles = nil
		for _, role := range f.Roles {
			u.Roles = append(u.Roles, string(role))
		}
	}
	s.writeCustom(u, f.CustomFields)
}

// target reads whom a call is about.
func (s *Service) target(q request) (*User, *refusal) {
	body := decode[struct{ UserID, Username flexString }](q)
	if u := s.users[string(body.UserID)]; u != nil {
		return u, nil
	}
	if u := s.byUsername(string(body.Username)); u != nil && body.Username != "" {
		return u, nil
	}
	return nil, coded("error-invalid-user", `The required "userId" or "username" param provided does not match any users`, nil)
}

// delete is users.delete.
func (s *Service) delete(q request) (map[string]any, *refusal) {
	if !s.may("delete-user") {
		return nil, s.unauthorized()
	}
	u, refused := s.target(q)
	if refused != nil {
		return nil, refused
	}
	if slices.Contains(u.Roles, "admin") {
		return nil, coded("error-action-not-allowed", "Leaving the app without admins is not allowed",
			map[string]any{"method": "deleteUser", "action": "Remove_last_admin"})
	}
	if u.SoleOwner && !decode[struct{ ConfirmRelinquish bool }](q).ConfirmRelinquish {
		return nil, coded("user-last-owner", "", nil)
	}
	delete(s.users, u.ID)
	return nil, nil
}

// setAvatar is users.setAvatar with a URL.
func (s *Service) setAvatar(q request) (map[string]any, *refusal) {
	body := decode[struct{ AvatarURL flexString }](q)
	if !s.may("edit-other-user-avatar") {
		return nil, s.unauthorized()
	}
	u, refused := s.target(q)
	switch {
	case refused != nil:
		return nil, refused
	case body.AvatarURL == "":
		return nil, plain("The 'image' param is required")
	}
	if s.o.Picture != nil {
		if code := s.o.Picture(string(body.AvatarURL)); code != "" {
			return nil, coded(code, "Invalid avatar URL: "+string(body.AvatarURL), nil)
		}
	}
	u.AvatarURL = string(body.AvatarURL)
	return nil, nil
}

// resetAvatar is users.resetAvatar.
func (s *Service) resetAvatar(q request) (map[string]any, *refusal) {
	u, refused := s.target(q)
	switch {
	case refused != nil:
		return nil, refused
	case !s.may("edit-other-user-avatar"):
		return nil, coded("error-not-allowed", "Reset avatar is not allowed", map[string]any{"method": "users.resetAvatar"})
	}
	u.AvatarURL = ""
	return nil, nil
}
