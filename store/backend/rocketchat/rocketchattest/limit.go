package rocketchattest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A window counts the calls of one address to one endpoint.
type window struct {
	ends  time.Time
	calls int
}

const windowLength = time.Minute

// count is the server's limiter. Its headers are there only where it limits.
func (s *Service) count(q request) *refusal {
	limit := s.o.Limit
	if limit <= 0 {
		return nil
	}
	if q.route == "livechat/visitor" {
		limit = max(1, limit/2)
	}
	now := s.o.Now()
	id := host(q.Request) + " " + q.route
	w := s.windows[id]
	if w == nil || !now.Before(w.ends) {
		w = &window{ends: now.Add(windowLength)}
		s.windows[id] = w
	}
	w.calls++
	q.head.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	q.head.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-w.calls)))
	q.head.Set("X-RateLimit-Reset", strconv.FormatInt(w.ends.UnixMilli(), 10))
	if w.calls <= limit {
		return nil
	}
	seconds := (w.ends.Sub(now) + time.Second - 1) / time.Second
	return &refusal{status: http.StatusTooManyRequests, text: fmt.Sprintf("Error, too many requests. Please slow down. "+
		"You must wait %d seconds before trying this endpoint again. [error-too-many-requests]", seconds)}
}

// factorLasts is how long the server remembers a second factor.
const factorLasts = 30 * time.Minute

// secondFactor is the check of sensitive endpoints.
func (s *Service) secondFactor(q request) *refusal {
	if s.o.Factor == "" {
		return nil
	}
	agent := host(q.Request) + " " + q.UserAgent()
	if s.o.Now().Before(s.factors[agent]) {
		return nil
	}
	details := map[string]any{"method": s.o.Factor, "codeGenerated": false, "availableMethods": []string{}}
	code := q.Header.Get("X-2fa-Code")
	if code == "" || q.Header.Get("X-2fa-Method") != s.o.Factor {
		return coded("totp-required", "TOTP Required", details)
	}
	sum := sha256.Sum256([]byte(s.o.Password))
	if s.o.Factor != "password" || code != hex.EncodeToString(sum[:]) {
		return coded("totp-invalid", "TOTP Invalid", details)
	}
	s.factors[agent] = s.o.Now().Add(factorLasts)
	return nil
}
