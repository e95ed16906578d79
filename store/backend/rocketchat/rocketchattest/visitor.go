package rocketchattest

import (
	"maps"
	"slices"
	"strings"
)

// A Visitor is what the Service holds of one visitor of Livechat.
type Visitor struct {
	ID       string
	Token    string // "" once removed
	Username string
	Name     string
	Email    string
	Phone    string
	Custom   map[string]string
	// OpenRoom means that the visitor is in a conversation, and cannot be
	// removed.
	OpenRoom bool
}

// AddVisitor makes a visitor, as Livechat's widget would, and returns its id.
func (s *Service) AddVisitor(v Visitor) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.ID = newID()
	v.Custom = maps.Clone(v.Custom)
	s.visitors[v.ID] = &v
	return v.ID
}

// Visitor returns the visitor with this token.
func (s *Service) Visitor(token string) (Visitor, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.byToken(token)
	if v == nil {
		return Visitor{}, false
	}
	c := *v
	c.Custom = maps.Clone(v.Custom)
	return c, true
}

// Visitors returns all visitors that were not removed, by id.
func (s *Service) Visitors() []Visitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Visitor
	for _, id := range slices.Sorted(maps.Keys(s.visitors)) {
		c := *s.visitors[id]
		c.Custom = maps.Clone(c.Custom)
		all = append(all, c)
	}
	return all
}

// SetOpenRoom opens or ends the conversation of the visitor with this token.
func (s *Service) SetOpenRoom(token string, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.byToken(token); v != nil {
		v.OpenRoom = open
	}
}

func (s *Service) byToken(token string) *Visitor {
	return s.visitorWith(func(v *Visitor) bool { return v.Token == token && token != "" })
}

func (s *Service) visitorWith(match func(*Visitor) bool) *Visitor {
	for _, id := range slices.Sorted(maps.Keys(s.visitors)) {
		if match(s.visitors[id]) {
			return s.visitors[id]
		}
	}
	return nil
}

// register is livechat/visitor. Of a visitor who is not known by the token it
// makes the one with the same phone number, who keeps their own token, or with the
// same email address, who gets the new one.
func (s *Service) register(q request) (map[string]any, *refusal) {
	body := decode[struct {
		Visitor struct {
			Token, Name, Email, Phone string
			CustomFields              []struct {
				Key, Value string
				Overwrite  *bool
			}
		}
	}](q)
	said := body.Visitor
	said.Email = strings.ToLower(strings.TrimSpace(said.Email))
	switch {
	case strings.TrimSpace(said.Token) == "":
		return nil, coded("error-invalid-token", "Token cannot be empty", map[string]any{"method": "livechat/visitor"})
	case said.Email != "" && !emailRule.MatchString(said.Email):
		return nil, coded("error-invalid-email", "Invalid email "+said.Email, nil)
	}
	v := s.byToken(said.Token)
	if v == nil && said.Phone != "" {
		v = s.visitorWith(func(v *Visitor) bool { return v.Phone == said.Phone })
	}
	if v == nil && said.Email != "" {
		if v = s.visitorWith(func(v *Visitor) bool { return v.Email == said.Email }); v != nil {
			v.Token = said.Token
		}
	}
	if v == nil {
		v = &Visitor{ID: newID(), Token: said.Token}
		v.Username = "guest-" + v.ID[len(v.ID)-4:]
		s.visitors[v.ID] = v
	}
	for _, f := range []struct{ field, said *string }{{&v.Name, &said.Name}, {&v.Email, &said.Email}, {&v.Phone, &said.Phone}} {
		if *f.said != "" {
			*f.field = *f.said
		}
	}
	for _, c := range said.CustomFields {
		if !slices.Contains(s.o.VisitorFields, c.Key) {
			continue // without a word
		}
		if _, there := v.Custom[c.Key]; there && (c.Overwrite == nil || !*c.Overwrite) {
			continue
		}
		if v.Custom == nil {
			v.Custom = make(map[string]string)
		}
		v.Custom[c.Key] = c.Value
	}
	return map[string]any{"visitor": v.json()}, nil
}

func (v *Visitor) json() map[string]any {
	m := map[string]any{"_id": v.ID, "token": v.Token, "username": v.Username, "status": "online"}
	if v.Name != "" {
		m["name"] = v.Name
	}
	if v.Email != "" {
		m["visitorEmails"] = []map[string]any{{"address": v.Email}}
	}
	if v.Phone != "" {
		m["phone"] = []map[string]any{{"phoneNumber": v.Phone}}
	}
	if len(v.Custom) > 0 {
		m["livechatData"] = v.Custom
	}
	return m
}

// removeVisitor is DELETE livechat/visitor/:token.
func (s *Service) removeVisitor(q request) (map[string]any, *refusal) {
	v := s.byToken(q.token)
	switch {
	case v == nil:
		return nil, coded("invalid-token", "", nil)
	case v.OpenRoom:
		return nil, coded("visitor-has-open-rooms", "Cannot remove visitors with opened rooms", nil)
	}
	delete(s.visitors, v.ID)
	return map[string]any{"visitor": map[string]any{"_id": v.ID, "ts": s.o.Now().UTC().Format("2006-01-02T15:04:05.000Z")}}, nil
}
