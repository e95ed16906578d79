package genauth

import (
	"encoding/json"
	"errors"
)

// A User is an account as GenAuth answers with it, its UserDto
// (https://docs.genauth.ai/reference/sdk/node/management/users/get-user.html).
// The hooks get it as a *User in Outcome.Remote. "" and zero mean that the service
// did not say; times are text in the form of RFC 3339.
//
// fmt prints a User as its UserID and nothing else, so that names do not get into
// logs by accident.
type User struct {
	UserID     string `json:"userId"`
	ExternalID string `json:"externalId"` // the channelUserId, of those who came by rollcall
	TenantID   string `json:"tenantId"`

	CreatedAt       string `json:"createdAt"`
	UpdatedAt       string `json:"updatedAt"`
	SignedUp        string `json:"signedUp"`
	Status          string `json:"status"`     // Activated, Suspended, Resigned, Archived or Deactivated
	WorkStatus      string `json:"workStatus"` // Active or Closed
	StatusChangedAt string `json:"statusChangedAt"`

	Username         string `json:"username"`
	Email            string `json:"email"`
	EmailVerified    bool   `json:"emailVerified"`
	Phone            string `json:"phone"`            // without the country code
	PhoneCountryCode string `json:"phoneCountryCode"` // "+86"
	PhoneVerified    bool   `json:"phoneVerified"`

	Name              string `json:"name"`
	GivenName         string `json:"givenName"`
	FamilyName        string `json:"familyName"`
	MiddleName        string `json:"middleName"`
	Nickname          string `json:"nickname"`
	PreferredUsername string `json:"preferredUsername"`
	Profile           string `json:"profile"`
	Photo             string `json:"photo"`
	Website           string `json:"website"`
	Gender            string `json:"gender"` // M, F or U
	Birthdate         string `json:"birthdate"`
	Zoneinfo          string `json:"zoneinfo"`
	Locale            string `json:"locale"`
	Company           string `json:"company"`
	IdentityNumber    string `json:"identityNumber"`

	Address       string `json:"address"`
	Formatted     string `json:"formatted"`
	StreetAddress string `json:"streetAddress"`
	City          string `json:"city"`
	Province      string `json:"province"`
	Region        string `json:"region"`
	PostalCode    string `json:"postalCode"`
	Country       string `json:"country"`

	LoginsCount              int64    `json:"loginsCount"`
	LastLogin                string   `json:"lastLogin"`
	LastIP                   string   `json:"lastIp"`
	LastLoginApp             string   `json:"lastLoginApp"`
	LastMFATime              string   `json:"lastMfaTime"`
	Browser                  string   `json:"browser"`
	Device                   string   `json:"device"`
	PasswordLastSetAt        string   `json:"passwordLastSetAt"`
	PasswordSecurityLevel    int64    `json:"passwordSecurityLevel"`
	ResetPasswordOnNextLogin bool     `json:"resetPasswordOnNextLogin"`
	UserSourceType           string   `json:"userSourceType"` // excel, register, adminCreated, syncTask or sync
	UserSourceID             string   `json:"userSourceId"`
	RegisterSource           []string `json:"registerSource"`

	MainDepartmentID string         `json:"mainDepartmentId"`
	DepartmentIDs    []string       `json:"departmentIds"`
	PostIDList       []string       `json:"postIdList"`
	Identities       []Identity     `json:"identities"`
	CustomData       map[string]any `json:"customData"`
	MetadataSource   any            `json:"metadataSource"`
}

// An Identity is an account elsewhere that a [User] signs in with. The tokens of
// that account, which the service tells to the person alone, are left out.
type Identity struct {
	IdentityID    string   `json:"identityId"`
	ExtIDPID      string   `json:"extIdpId"`
	Provider      string   `json:"provider"` // github, google, wechat, oidc, ...
	Type          string   `json:"type"`     // unionid, openid, primary, ...
	UserIDInIDP   string   `json:"userIdInIdp"`
	OriginConnIDs []string `json:"originConnIds"`
}

// String returns the UserID.
func (u User) String() string { return u.UserID }

// GoString returns the UserID.
func (u User) GoString() string { return u.UserID }

// decodeUser reads a UserDto. What has another type than the documented one is
// left out: the service accepted the request, and one odd field must not have it
// sent again for ever.
func decodeUser(data []byte) (*User, bool) {
	var u User
	err := json.Unmarshal(data, &u)
	if _, odd := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !odd {
		return nil, false
	}
	return &u, u.UserID != ""
}

// decodeCustomData reads the customData of a UserDto, value by value as it came.
func decodeCustomData(data []byte) map[string]json.RawMessage {
	var u struct {
		CustomData map[string]json.RawMessage `json:"customData"`
	}
	if json.Unmarshal(data, &u) != nil {
		return nil
	}
	return u.CustomData
}
