package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// A Service stands for the address book itself. Its API is two calls:
//
//	PATCH  /contacts/{id}  {"full_name":..., "handle":..., "mail":...}
//	DELETE /contacts/{id}
//
// PATCH makes the contact where there is none. What the body does not name stays
// as it is, and "" clears. Each answers {"done":true}, or a status from 400 on.
// Two contacts cannot have the same handle.
type Service struct {
	token string

	mu       sync.Mutex
	contacts map[string]map[string]string
}

// NewService returns an empty address book, which lets in whoever has the token.
func NewService(token string) *Service {
	return &Service{token: token, contacts: make(map[string]map[string]string)}
}

// Contact returns what is held of one contact, nil where there is none.
func (s *Service) Contact(id string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.contacts[id])
}

// Put makes a contact, as somebody at a desk would.
func (s *Service) Put(id string, contact map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contacts[id] = maps.Clone(contact)
}

// Len returns how many contacts there are.
func (s *Service) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.contacts)
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := s.serve(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status == http.StatusOK {
		_, _ = io.WriteString(w, `{"done":true}`)
	}
}

func (s *Service) serve(r *http.Request) (status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, found := strings.CutPrefix(r.URL.Path, "/contacts/")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.token:
		return http.StatusUnauthorized
	case !found || id == "":
		return http.StatusNotFound
	case r.Method == http.MethodDelete:
		delete(s.contacts, id)
		return http.StatusOK
	case r.Method != http.MethodPatch:
		return http.StatusMethodNotAllowed
	}
	var changes map[string]string
	if json.NewDecoder(r.Body).Decode(&changes) != nil {
		return http.StatusBadRequest
	}
	for field := range changes {
		if !slices.Contains([]string{"full_name", "handle", "mail"}, field) {
			return http.StatusUnprocessableEntity
		}
	}
	for other, contact := range s.contacts {
		if other != id && changes["handle"] != "" && strings.EqualFold(contact["handle"], changes["handle"]) {
			return http.StatusConflict
		}
	}
	if s.contacts[id] == nil {
		s.contacts[id] = make(map[string]string)
	}
	maps.Copy(s.contacts[id], changes)
	return http.StatusOK
}
