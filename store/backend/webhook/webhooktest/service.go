package webhooktest

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Request is one that was signed with a secret of the service's.
type Request struct {
	ID        string // webhook-id
	Timestamp time.Time
	// Signatures is how many there were, right ones and others.
	Signatures int
	Path       string // with the query, as it came
	Body       string
	Events     []Event
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
	mu         sync.Mutex
	secrets    []string
	people     map[string]map[string]string
	last       map[string]Event // the last update, by person
	refused    map[string]int
	replies    []Reply
	requests   []Request
	rejected   []string
	duplicates int
	outdated   int
}

// New returns a Service that takes what is signed with any of these secrets, each
// "whsec_" and base64.
func New(secrets ...string) *Service {
	return &Service{
		secrets: secrets,
		people:  make(map[string]map[string]string),
		last:    make(map[string]Event),
		refused: make(map[string]int),
	}
}

// Person returns what the service holds of the person with this channelUserId:
// texts by the name of the field ("given_name", "address.locality", "nicks.1"),
// flags as "true", custom values as JSON. ok is false where it has nobody.
func (s *Service) Person(channelUserID string) (fields map[string]string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fields, ok = s.people[channelUserID]
	return maps.Clone(fields), ok
}

// People returns the channelUserIds of everybody, sorted.
func (s *Service) People() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.people))
}

// Requests returns those that were rightly signed, oldest first, also what was
// refused or answered by a Reply.
func (s *Service) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Rejected returns why requests were not taken that were not signed or not in the
// form of package webhook.
func (s *Service) Rejected() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rejected)
}

// Duplicates returns how many updates had the id of the one before of the same
// person.
func (s *Service) Duplicates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.duplicates
}

// Outdated returns how many updates had a lower version than the one before of the
// same person, and did not name all fields.
func (s *Service) Outdated() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outdated
}

// SetSecrets changes the secrets.
func (s *Service) SetSecrets(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = secrets
}

// Refuse makes the service answer this status to every request that has an event
// of this person in it, and take none of the request's events. 0: no longer.
func (s *Service) Refuse(channelUserID string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[channelUserID] = status
}

// Reply makes these the answers to the next requests that are rightly signed, one
// each. Their events are not taken.
func (s *Service) Reply(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = append(s.replies, replies...)
}

// ServeHTTP takes one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil {
		http.Error(w, "the body is too large, or broke off", http.StatusRequestEntityTooLarge)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPost {
		s.reject(w, http.StatusMethodNotAllowed, "the method is "+r.Method)
		return
	}
	if problem := verify(r.Header, body, s.secrets, time.Now()); problem != "" {
		s.reject(w, http.StatusUnauthorized, problem)
		return
	}
	events, err := parse(body)
	if err != nil {
		s.reject(w, http.StatusBadRequest, err.Error())
		return
	}
	s.requests = append(s.requests, newRequest(r, body, events))
	if len(s.replies) > 0 {
		reply := s.replies[0]
		s.replies = s.replies[1:]
		maps.Copy(w.Header(), reply.Header)
		w.WriteHeader(reply.Status)
		_, _ = io.WriteString(w, reply.Body) // a client that went away has nobody to tell
		return
	}
	for _, e := range events {
		if status := s.refused[e.Key]; status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	for _, e := range events {
		s.take(e)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Service) reject(w http.ResponseWriter, status int, problem string) {
	s.rejected = append(s.rejected, problem)
	w.WriteHeader(status)
}

// take does what an event says: the fields that it names, and no others.
func (s *Service) take(e Event) {
	if e.Type == "profile.erased" {
		delete(s.people, e.Key)
		delete(s.last, e.Key)
		return
	}
	switch last := s.last[e.Key]; {
	case e.ID == last.ID:
		s.duplicates++
		return
	case e.Version < last.Version && !e.All:
		s.outdated++
		return
	}
	s.last[e.Key] = e
	person := s.people[e.Key]
	if person == nil {
		person = make(map[string]string)
		s.people[e.Key] = person
	}
	for _, field := range e.Fields {
		if value, ok := e.value(field); ok {
			person[field] = value
		} else {
			delete(person, field)
		}
	}
}
