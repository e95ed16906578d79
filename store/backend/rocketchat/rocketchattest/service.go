package rocketchattest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are how a Service is set up. The zero value and nil are a server of 8.0
// or later that knows no custom fields, does not limit, and lets its one account
// do everything without a second factor.
type Options struct {
	// UserID and Token are the credentials that are let in. "": some.
	UserID, Token string
	// Before8 answers as servers before 8.0 do: 401 has more in it, a missing
	// permission is 403 in the place of 401, and a body is only looked at after
	// the credentials.
	Before8 bool
	// Without names permissions that the account lacks: "create-user",
	// "edit-other-user-info", "view-full-other-user-info", "delete-user",
	// "edit-other-user-avatar".
	Without []string

	// Factor makes users.update ask for a second factor, as of a token that does
	// not ignore it: "password", "totp" or "email". "": no.
	Factor string
	// Password is that of the account, for Factor "password".
	Password string

	// Limit is how many calls each endpoint takes from one address in a minute,
	// and half of that for livechat/visitor. 0: it does not limit, as for those
	// with the permission api-bypass-rate-limit.
	Limit int
	// Now is the server's clock. nil: time.Now.
	Now func() time.Time

	// CustomFields are the definitions in Accounts_CustomFields, by key.
	CustomFields map[string]CustomField
	// ReplaceCustomFields makes an update of custom fields forget those that it
	// does not mention, as older servers do.
	ReplaceCustomFields bool
	// VisitorFields are the keys of Livechat's custom fields.
	VisitorFields []string

	// BlockedUsernames are refused, besides "all" and "here".
	BlockedUsernames []string
	// Orphans makes users.update of an unknown id create an account before it
	// says that there is none, as some versions of 7 do.
	Orphans bool
	// Picture says what comes of fetching the picture at a URL: "" for success,
	// or an errorType such as "error-avatar-invalid-url". nil: all succeed.
	Picture func(url string) (errorType string)
}

// A CustomField is one definition in Accounts_CustomFields.
type CustomField struct {
	Type      string // "text" or "select"
	Required  bool
	Public    bool
	MinLength int
	MaxLength int
	Options   []string // of a select
	// ModifyRecordField makes each value of the field a role of the user as well.
	// The server's own documentation has such an example.
	ModifyRecordField bool
}

// A Service is an http.Handler that acts as one server. It is safe for
// concurrent use. Make one with [New].
type Service struct {
	mu       sync.Mutex
	o        Options
	users    map[string]*User
	visitors map[string]*Visitor
	windows  map[string]*window
	factors  map[string]time.Time // until when a second factor is remembered, by User-Agent
	mails    []string
	calls    []Call
}

// New returns a Service without users other than its own account. o may be nil.
func New(o *Options) *Service {
	s := &Service{
		users: make(map[string]*User), visitors: make(map[string]*Visitor),
		windows: make(map[string]*window), factors: make(map[string]time.Time),
	}
	if o != nil {
		s.o = *o
	}
	s.o.UserID = cmp.Or(s.o.UserID, "rocketchattestAdmin")
	s.o.Token = cmp.Or(s.o.Token, "rocketchattest-token-of-the-admin")
	if s.o.Now == nil {
		s.o.Now = time.Now
	}
	s.users[s.o.UserID] = &User{
		ID: s.o.UserID, Username: "the.admin", Name: "Admin", Type: "user", Active: true, Roles: []string{"admin"},
		Emails: []Email{{Address: "admin@example.org", Verified: true}},
	}
	return s
}

// UserID returns the id that requests must come with.
func (s *Service) UserID() string { return s.o.UserID }

// Token returns the token that requests must come with.
func (s *Service) Token() string { return s.o.Token }

// Change changes the options of a Service that runs. UserID and Token stay as
// they are.
func (s *Service) Change(change func(o *Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, token := s.o.UserID, s.o.Token
	change(&s.o)
	s.o.UserID, s.o.Token = id, token
}

// Add makes a user, as an admin would in the workspace, and returns its id. An
// ID in u is kept.
func (s *Service) Add(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u = u.clone()
	if u.ID == "" {
		u.ID = newID()
	}
	if u.Roles == nil {
		u.Roles = []string{"user"}
	}
	u.Type, u.Active = "user", true
	s.users[u.ID] = &u
	return u.ID
}

// Edit changes the user with this username, as an admin would in the workspace.
// Where there is none, change is not called.
func (s *Service) Edit(username string, change func(u *User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.byUsername(username); u != nil {
		change(u)
	}
}

// Remove deletes the user with this id, as an admin would in the workspace. An
// unknown id changes nothing.
func (s *Service) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, id)
}

// User returns a copy of the user with this username, whatever its case, and false
// where there is none.
func (s *Service) User(username string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.byUsername(username); u != nil {
		return u.clone(), true
	}
	return User{}, false
}

// Users returns copies of all users but the Service's own account, by username.
func (s *Service) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var users []User
	for id, u := range s.users {
		if id != s.o.UserID {
			users = append(users, u.clone())
		}
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Username, b.Username) })
	return users
}

// Mails returns the addresses that mail would have gone to.
func (s *Service) Mails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// A Call is a request that the Service got.
type Call struct {
	Method string
	// Route is the endpoint, such as "users.info". Tokens of visitors are not in
	// it: "livechat/visitor/:token".
	Route  string
	Query  url.Values
	Header http.Header
	Body   json.RawMessage // nil for none
	Status int             // that it was answered with
}

// Calls returns copies of the requests so far, the oldest first.
func (s *Service) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := slices.Clone(s.calls)
	for i, c := range calls {
		calls[i].Query, calls[i].Header, calls[i].Body = maps.Clone(c.Query), c.Header.Clone(), slices.Clone(c.Body)
	}
	return calls
}

// Forget forgets Calls and Mails.
func (s *Service) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.mails = nil, nil
}

// newID returns an id in the form of the server's: 17 letters and digits, which no
// other Service has.
func newID() string { return rand.Text()[:17] }

// A request is one call on its way through the Service.
type request struct {
	*http.Request
	route string // as calls are counted
	token string // of a visitor
	body  []byte
	head  http.Header // of the answer
}

// An endpoint is what serves one route.
type endpoint struct {
	method string
	public bool // needs no credentials
	factor bool // asks for a second one
	check  func(request) string
	act    func(*Service, request) (map[string]any, *refusal)
}

var endpoints = map[string]endpoint{
	"users.info":              {method: http.MethodGet, check: checkInfo, act: (*Service).info},
	"users.create":            {method: http.MethodPost, check: checkBody(createSchema), act: (*Service).create},
	"users.update":            {method: http.MethodPost, factor: true, check: checkBody(updateSchema), act: (*Service).update},
	"users.delete":            {method: http.MethodPost, act: (*Service).delete},
	"users.setAvatar":         {method: http.MethodPost, check: checkBody(avatarSchema), act: (*Service).setAvatar},
	"users.resetAvatar":       {method: http.MethodPost, act: (*Service).resetAvatar},
	"livechat/visitor":        {method: http.MethodPost, public: true, act: (*Service).register},
	"livechat/visitor/:token": {method: http.MethodDelete, public: true, act: (*Service).removeVisitor},
}

// maxBody is how much of a request is read.
const maxBody = 1 << 20

// ServeHTTP serves the paths below /api/v1/.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the caller has gone away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := request{Request: r, body: body, head: w.Header()}
	q.route, _ = strings.CutPrefix(r.URL.Path, "/api/v1/")
	if token, ok := strings.CutPrefix(q.route, "livechat/visitor/"); ok && token != "" {
		q.route, q.token = "livechat/visitor/:token", token
	}
	status := http.StatusOK
	answer, refused := s.serve(q)
	switch {
	case refused != nil:
		status, answer = refused.status, refused.body(s.o.Before8)
	case answer == nil:
		answer = map[string]any{"success": true}
	default:
		answer["success"] = true
	}
	call := Call{Method: r.Method, Route: q.route, Query: r.URL.Query(), Header: r.Header.Clone(), Status: status}
	if len(body) > 0 {
		call.Body = slices.Clone(body)
	}
	s.calls = append(s.calls, call)
	q.head.Set("Content-Type", "application/json")
	q.head.Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a caller who went away has nobody to tell
}

// serve passes a request through the server's checks, in its order.
func (s *Service) serve(q request) (map[string]any, *refusal) {
	e, ok := endpoints[q.route]
	if !ok || e.method != q.Method {
		return nil, &refusal{status: http.StatusNotFound, text: "API endpoint not found"}
	}
	check := func() *refusal {
		if e.check == nil {
			return nil
		}
		if problem := e.check(q); problem != "" {
			if s.o.Before8 {
				return &refusal{status: http.StatusBadRequest, code: "invalid-params", text: problem, coded: true}
			}
			code := "invalid-params"
			if q.Method == http.MethodGet {
				code = "error-invalid-params"
			}
			return &refusal{status: http.StatusBadRequest, code: code, text: problem}
		}
		return nil
	}
	if !s.o.Before8 { // the typed router looks at the body first
		if refused := check(); refused != nil {
			return nil, refused
		}
	}
	if !e.public && (q.Header.Get("X-User-Id") != s.o.UserID || q.Header.Get("X-Auth-Token") != s.o.Token) {
		return nil, &refusal{status: http.StatusUnauthorized, text: "You must be logged in to do this."}
	}
	if refused := s.count(q); refused != nil {
		return nil, refused
	}
	if s.o.Before8 {
		if refused := check(); refused != nil {
			return nil, refused
		}
	}
	if e.factor {
		if refused := s.secondFactor(q); refused != nil {
			return nil, refused
		}
	}
	return e.act(s, q)
}

// may reports whether the account has a permission.
func (s *Service) may(permission string) bool { return !slices.Contains(s.o.Without, permission) }

// host is where a request comes from.
func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}

// decode reads the body. It was looked at before where there is a schema.
func decode[T any](q request) T {
	var v T
	_ = json.Unmarshal(q.body, &v)
	return v
}
