package telegramtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

type webhook struct {
	url       string
	secret    string
	stop      context.CancelFunc
	lastError string
	errorDate int64
}

func newOutgoing() *http.Client {
	return &http.Client{
		Transport: &http.Transport{},
		Timeout:   30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// setWebhook: https://core.telegram.org/bots/api#setwebhook
func (s *Server) setWebhook(p params) (any, *Error) {
	if p["url"] == "" {
		return s.deleteWebhook(p)
	}
	target, err := url.Parse(p["url"])
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, &Error{Code: http.StatusBadRequest, Description: "Bad Request: invalid webhook URL specified"}
	}
	if !loopback(target.Hostname()) {
		return nil, &Error{Code: http.StatusBadRequest, Description: "Bad Request: bad webhook: this server delivers to loopback addresses only"}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.allow(p)
	s.replaceWebhook(p)
	ctx, stop := context.WithCancel(s.ctx)
	s.webhook = webhook{url: p["url"], secret: p["secret_token"], stop: stop}
	hook := s.webhook
	s.running.Go(func() { s.deliver(ctx, hook) })
	return true, nil
}

// deleteWebhook: https://core.telegram.org/bots/api#deletewebhook
func (s *Server) deleteWebhook(p params) (any, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaceWebhook(p)
	return true, nil
}

// replaceWebhook ends what is there. The caller holds s.mu.
func (s *Server) replaceWebhook(p params) {
	if s.webhook.stop != nil {
		s.webhook.stop()
	}
	s.webhook = webhook{}
	if p.bool("drop_pending_updates") {
		s.pending = nil
	}
	s.announce()
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// webhookInfo: https://core.telegram.org/bots/api#webhookinfo
func (s *Server) webhookInfo() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := map[string]any{
		"url":                    s.webhook.url,
		"has_custom_certificate": false,
		"pending_update_count":   len(s.pending),
	}
	if s.webhook.lastError != "" {
		info["last_error_date"] = s.webhook.errorDate
		info["last_error_message"] = s.webhook.lastError
	}
	if s.allowed != nil {
		info["allowed_updates"] = s.allowed
	}
	return info
}

const (
	firstRetry = 10 * time.Millisecond
	maxRetry   = time.Second
)

// deliver posts what is pending, one update after the other, until ctx ends.
func (s *Server) deliver(ctx context.Context, hook webhook) {
	pause := firstRetry
	for {
		var next pending
		err := s.until(ctx, func() bool {
			if len(s.pending) == 0 || ctx.Err() != nil {
				return false
			}
			next = s.pending[0]
			return true
		})
		if err != nil {
			return
		}
		problem := s.post(ctx, hook, next.body)
		if ctx.Err() != nil {
			return
		}
		if problem == "" {
			s.delivered(next.id)
			pause = firstRetry
			continue
		}
		s.refused(problem)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, maxRetry)
	}
}

func (s *Server) delivered(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 && s.pending[0].id == id {
		s.pending = s.pending[1:]
	}
	s.announce()
}

func (s *Server) refused(problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook.lastError, s.webhook.errorDate = problem, time.Now().Unix()
}

// post returns what went wrong, "" for nothing.
func (s *Server) post(ctx context.Context, hook webhook, body json.RawMessage) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.url, bytes.NewReader(body))
	if err != nil {
		return "Invalid webhook URL"
	}
	r.Header.Set("Content-Type", "application/json")
	if hook.secret != "" {
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", hook.secret)
	}
	resp, err := s.outgoing.Do(r)
	if err != nil {
		return "Connection failed"
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Sprintf("Wrong response from the webhook: %s", resp.Status)
	}
	return ""
}
