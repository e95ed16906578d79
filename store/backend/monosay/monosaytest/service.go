package monosaytest

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Options say how the service behaves where nobody knows. The zero value and nil
// are ready to use.
type Options struct {
	// DeniedStatus is the status for a wrong token. 0: 401.
	DeniedStatus int
	// RefusedStatus is the status for a request that is not accepted, whose body
	// says "success":false. 0: 200.
	RefusedStatus int
	// NewStatus is the status for somebody who was added. 0: 201.
	NewStatus int
	// DistinctIDs makes 42 and "42" two people. The text form of the number is
	// then "#42".
	DistinctIDs bool
	// ForgetsOmitted makes a request replace all fields. Else those that it
	// leaves out stay.
	ForgetsOmitted bool
	// KeepsNull makes null leave a field as it is, so that only "" clears.
	KeepsNull bool
	// KeepsEmpty makes "" leave a field as it is, so that only null clears.
	KeepsEmpty bool
}

// A User is what the service holds of one channel user. A text is "" where there
// is none.
type User struct {
	Name, Surname, UserName, ProfilePhotoURL, Email string
}

// A Request is one POST of a channel user that had the right token.
type Request struct {
	// ID is the channelUserId as text, and Number whether it came as a number.
	ID     string
	Number bool
	// Body is all that the request said, the id among it. A key that it left out
	// is not there; one that it said to be null is there with "null".
	Body map[string]json.RawMessage
}

// A Reply is an answer that is given in the place of the service's own.
type Reply struct {
	Status int
	Header http.Header // may be nil
	Body   string
}

// A Service is the double. Its methods may be called from many goroutines at
// once. Make one with [New].
type Service struct {
	token string
	o     Options

	mu       sync.Mutex
	users    map[string]User
	requests []Request
	refused  map[string]bool
	replies  []Reply
	denied   int
}

// New returns a Service whose one channel has this token. o may be nil.
func New(token string, o *Options) *Service {
	if o == nil {
		o = &Options{}
	}
	s := &Service{token: token, o: *o, users: make(map[string]User), refused: make(map[string]bool)}
	s.o.DeniedStatus = cmp.Or(o.DeniedStatus, http.StatusUnauthorized)
	s.o.RefusedStatus = cmp.Or(o.RefusedStatus, http.StatusOK)
	s.o.NewStatus = cmp.Or(o.NewStatus, http.StatusCreated)
	return s
}

// User returns what the service holds of the person with this channelUserId, and
// whether it has anybody by it.
func (s *Service) User(channelUserID string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[channelUserID]
	return u, ok
}

// Users returns everybody, by channelUserId.
func (s *Service) Users() map[string]User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.users)
}

// Requests returns what was asked with the right token, oldest first, also what
// was refused or answered by a Reply.
func (s *Service) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := slices.Clone(s.requests)
	for i := range requests {
		requests[i].Body = maps.Clone(requests[i].Body)
	}
	return requests
}

// Denied returns how many requests had a wrong token.
func (s *Service) Denied() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied
}

// Edit stands for somebody who corrects a channel user in the console.
func (s *Service) Edit(channelUserID string, u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[channelUserID] = u
}

// Refuse makes the service refuse this person from now on, or no longer.
func (s *Service) Refuse(channelUserID string, refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[channelUserID] = refuse
}

// SetToken changes the token, as the console does.
func (s *Service) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Reply makes these the answers to the next requests that have the right token,
// one each. What they ask for is not done.
func (s *Service) Reply(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = append(s.replies, replies...)
}

// ServeHTTP answers POST on a path that ends in /channelusers.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		envelope(w, http.StatusRequestEntityTooLarge, false, "The request is too large.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !strings.HasSuffix(r.URL.Path, "/channelusers"):
		envelope(w, http.StatusNotFound, false, "No such resource.")
	case r.Method != http.MethodPost:
		envelope(w, http.StatusMethodNotAllowed, false, "The method is not allowed.")
	case r.Header.Get("Authorization") != "Bot "+s.token:
		s.denied++
		envelope(w, s.o.DeniedStatus, false, "The token is not valid.")
	default:
		s.post(w, body)
	}
}

func (s *Service) post(w http.ResponseWriter, body []byte) {
	request, err := parse(body)
	if err == nil {
		s.requests = append(s.requests, request)
	}
	if len(s.replies) > 0 {
		reply := s.replies[0]
		s.replies = s.replies[1:]
		maps.Copy(w.Header(), reply.Header)
		w.WriteHeader(reply.Status)
		_, _ = io.WriteString(w, reply.Body) // a client that went away has nobody to tell
		return
	}
	id := request.ID
	if s.o.DistinctIDs && request.Number {
		id = "#" + id
	}
	u, known := s.users[id]
	if s.o.ForgetsOmitted {
		u = User{}
	}
	if err == nil {
		err = s.join(&u, request.Body)
	}
	if err != nil || s.refused[id] {
		envelope(w, s.o.RefusedStatus, false, "The channel user is not valid.")
		return
	}
	s.users[id] = u
	if known {
		envelope(w, http.StatusOK, true, "I updated your user information.")
		return
	}
	envelope(w, s.o.NewStatus, true, "I added your user information.")
}

// parse reads a request, whose id is a text that is not empty, or a number. Of
// that stays what JavaScript, the language of the vendor's client, keeps of it.
func parse(body []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(body, &r.Body); err != nil {
		return Request{}, err
	}
	raw := r.Body["channelUserId"]
	if json.Unmarshal(raw, &r.ID) == nil && r.ID != "" {
		return r, nil
	}
	var n *float64
	if err := json.Unmarshal(raw, &n); err != nil || n == nil {
		return Request{}, errors.New("no channelUserId")
	}
	r.ID, r.Number = strconv.FormatFloat(*n, 'f', -1, 64), true
	return r, nil
}

// join brings what a request says into u.
func (s *Service) join(u *User, body map[string]json.RawMessage) error {
	for key, field := range map[string]*string{
		"name": &u.Name, "surname": &u.Surname, "userName": &u.UserName,
		"profilePhotoUrl": &u.ProfilePhotoURL, "email": &u.Email,
	} {
		raw, said := body[key]
		if !said {
			continue
		}
		var value *string
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		switch {
		case value == nil && !s.o.KeepsNull:
			*field = ""
		case value != nil && (*value != "" || !s.o.KeepsEmpty):
			*field = *value
		}
	}
	return nil
}

// envelope answers in the form that the vendor's documentation shows for its
// data calls.
func envelope(w http.ResponseWriter, status int, success bool, message string) {
	reply := struct {
		Success bool              `json:"success"`
		Data    any               `json:"data"`
		Message string            `json:"message"`
		Errors  []json.RawMessage `json:"errors"`
	}{Success: success, Message: message, Errors: []json.RawMessage{}}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(reply)
}
