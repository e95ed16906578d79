package genauthtest

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Options are the settings of a Service. The zero value and nil are ready to use.
// Those behind UserPoolID and AppID are about what the vendor does not document,
// or differs between installations.
type Options struct {
	// AccessKeyID and AccessKeySecret are the only ones that the service accepts.
	// "": some that look like real ones.
	AccessKeyID, AccessKeySecret string
	// UserPoolID and AppID are those of the pool and its one app. "": as above.
	UserPoolID, AppID string
	// Now is the service's clock. nil: time.Now.
	Now func() time.Time
	// TokenLifetime is that of access tokens. 0: 7200 seconds.
	TokenLifetime time.Duration

	// Prefixes of headers that are accepted. nil: "authing" and "genauth".
	Prefixes []string
	// TokenForm is how a management token must be sent.
	TokenForm TokenForm
	// OnUndefined is what becomes of a custom key that is not defined.
	OnUndefined OnUndefined
	// CustomReplaces makes an update forget the custom data that it does not
	// mention.
	CustomReplaces bool
	// Null and Empty are what null and "" do to a value.
	Null, Empty Blank
	// StrictDelete makes it a failure to delete an account that is not there.
	StrictDelete bool
	// NotFound and Conflict are the codes of these failures. Zero: 404 with 2004,
	// and 409 without an apiCode.
	NotFound, Conflict Failure
	// HTTPStatus gives failures their status in HTTP too.
	HTTPStatus bool
	// Username is what usernames look like. nil: anything.
	Username *regexp.Regexp
}

// TokenForm is how a management token must be sent.
type TokenForm uint8

// The forms.
const (
	AnyForm    TokenForm = iota
	BearerOnly           // "Bearer " and the token
	RawOnly              // the token alone
)

// OnUndefined is what becomes of a custom key that is not defined.
type OnUndefined uint8

// What may become of it.
const (
	RejectUndefined OnUndefined = iota // the request is refused with 400
	DropUndefined                      // the key is left out, and nobody told
)

// Blank is what null or "" does to a value.
type Blank uint8

// What they may do.
const (
	Clears  Blank = iota // the value is taken away
	Ignored              // the value stays
	Refused              // the request is refused with 400
)

// A Failure is what the service answers in the place of doing what it was asked.
type Failure struct {
	StatusCode int // of the body
	APICode    int // of the body, 0 for none
	// HTTP is the status of HTTP. 0: 429 where StatusCode is that, else 200.
	HTTP int
	// RetryAfter is that header, "" for none.
	RetryAfter string
}

// A Call is one request that the service got.
type Call struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         []byte
}

// A Service is GenAuth: one user pool, with one app. It is an http.Handler, and
// all its methods may be called from many goroutines at once. Make one with [New].
type Service struct {
	o Options

	mu          sync.Mutex
	accounts    map[string]Account // by userId
	machine     [5]byte            // in the ids of the accounts made here, so that no other Service has them
	made        int
	definitions []CustomField
	tokens      map[string]token
	issued      int // management tokens
	failures    map[string][]Failure
	calls       []Call
}

// New returns an empty service. o may be nil.
func New(o *Options) *Service {
	s := &Service{
		accounts: make(map[string]Account),
		tokens:   make(map[string]token),
		failures: make(map[string][]Failure),
	}
	rand.Read(s.machine[:])
	if o != nil {
		s.o = *o
	}
	for option, value := range map[*string]string{
		&s.o.AccessKeyID:     "6229ffaf0c1d4b2acade3e3d",
		&s.o.AccessKeySecret: "5d2a91c07b6e4f3f8a1e9c4b7d60f2aa",
		&s.o.UserPoolID:      "6229ffaf0c1d4b2acade3e30",
		&s.o.AppID:           "6229ffaf0c1d4b2acade3e31",
	} {
		if *option == "" {
			*option = value
		}
	}
	if s.o.Now == nil {
		s.o.Now = time.Now
	}
	if s.o.TokenLifetime == 0 {
		s.o.TokenLifetime = 7200 * time.Second
	}
	if s.o.Prefixes == nil {
		s.o.Prefixes = []string{"authing", "genauth"}
	}
	if s.o.NotFound.StatusCode == 0 {
		s.o.NotFound = Failure{StatusCode: 404, APICode: 2004}
	}
	if s.o.Conflict.StatusCode == 0 {
		s.o.Conflict = Failure{StatusCode: 409}
	}
	return s
}

// AccessKeyID is that of the pool.
func (s *Service) AccessKeyID() string { return s.o.AccessKeyID }

// AccessKeySecret is that of the pool.
func (s *Service) AccessKeySecret() string { return s.o.AccessKeySecret }

// UserPoolID is the id of the pool.
func (s *Service) UserPoolID() string { return s.o.UserPoolID }

// AppID is the id of the app.
func (s *Service) AppID() string { return s.o.AppID }

// Fail makes the next calls of a path, such as "/api/v3/get-user", fail: one for
// each failure, before it works again.
func (s *Service) Fail(path string, failures ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[path] = append(s.failures[path], failures...)
}

// Calls returns copies of the requests that the service got, in order.
func (s *Service) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := slices.Clone(s.calls)
	for i, c := range calls {
		calls[i].Query, calls[i].Header, calls[i].Body = maps.Clone(c.Query), c.Header.Clone(), slices.Clone(c.Body)
	}
	return calls
}

// A request is a Call with its body decoded.
type request struct {
	Call
	body   map[string]any
	person string // the userId that an access token of a person is for
}

// An endpoint answers one path. It runs with s.mu held, and returns the data or a
// failure.
type endpoint struct {
	method string
	person bool // called by a person, not by the pool's owner
	serve  func(s *Service, r request) (any, *Failure)
}

const tokenPath = "/api/v3/get-management-token"

var endpoints = map[string]endpoint{
	tokenPath:                    {http.MethodPost, false, (*Service).getToken},
	"/api/v3/get-user":           {http.MethodGet, false, (*Service).getUser},
	"/api/v3/create-user":        {http.MethodPost, false, (*Service).createUser},
	"/api/v3/update-user":        {http.MethodPost, false, (*Service).updateUser},
	"/api/v3/delete-users-batch": {http.MethodPost, false, (*Service).deleteUsers},
	"/api/v3/is-user-exists":     {http.MethodPost, false, (*Service).isUserExists},
	"/api/v3/get-custom-fields":  {http.MethodGet, false, (*Service).getCustomFields},
	"/api/v3/get-profile":        {http.MethodGet, true, (*Service).getProfile},
	"/api/v3/update-profile":     {http.MethodPost, true, (*Service).updateProfile},
}

const maxBody = 1 << 20

// ServeHTTP answers a call of the API.
func (s *Service) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, maxBody))
	if err != nil {
		return // the client is gone, or sends without end
	}
	r := request{Call: Call{Method: hr.Method, Path: hr.URL.Path, Query: hr.URL.Query(), Header: hr.Header.Clone(), Body: body}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Call)

	e, ok := endpoints[r.Path]
	if !ok || e.method != r.Method {
		answer(w, http.StatusNotFound, "", map[string]any{"statusCode": 404, "message": "Cannot " + r.Method + " " + r.Path, "error": "Not Found"})
		return
	}
	data, failure := s.serve(e, r)
	if failure != nil {
		s.fail(w, *failure)
		return
	}
	answer(w, http.StatusOK, "", map[string]any{"statusCode": 200, "message": "Success", "requestId": requestID, "data": data})
}

func (s *Service) serve(e endpoint, r request) (any, *Failure) {
	if queue := s.failures[r.Path]; len(queue) > 0 {
		s.failures[r.Path] = queue[1:]
		return nil, &queue[0]
	}
	if r.Method == http.MethodPost && (json.Unmarshal(r.Body, &r.body) != nil || r.body == nil) {
		return nil, badRequest()
	}
	if r.Path != tokenPath {
		person, failure := s.authorize(e, r)
		if failure != nil {
			return nil, failure
		}
		r.person = person
	}
	return e.serve(s, r)
}

const requestID = "934108e5-9fbf-4d24-8da1-c330328abd6c"

func (s *Service) fail(w http.ResponseWriter, f Failure) {
	status := f.HTTP
	switch {
	case status != 0:
	case f.StatusCode == http.StatusTooManyRequests, s.o.HTTPStatus && f.StatusCode < 600:
		status = f.StatusCode
	default:
		status = http.StatusOK
	}
	body := map[string]any{"statusCode": f.StatusCode, "message": "a message in the language that was asked for", "requestId": requestID}
	if f.APICode != 0 {
		body["apiCode"] = f.APICode
	}
	answer(w, status, f.RetryAfter, body)
}

func answer(w http.ResponseWriter, status int, retryAfter string, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone has nobody to tell
}

func badRequest() *Failure { return &Failure{StatusCode: http.StatusBadRequest} }

// text returns a string of the body.
func (r request) text(key string) string {
	text, _ := r.body[key].(string)
	return text
}
