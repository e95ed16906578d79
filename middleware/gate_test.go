package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func TestJitterIsFullAndDoublesUpToItsMost(t *testing.T) {
	for _, test := range []struct {
		failures int
		span     time.Duration
	}{{-3, time.Second}, {0, time.Second}, {1, 2 * time.Second}, {5, 32 * time.Second}, {8, 256 * time.Second}, {9, maxPause}, {1000, maxPause}} {
		var least, most time.Duration = time.Hour, 0
		for range 2000 {
			pause := jitter(time.Second, test.failures)
			least, most = min(least, pause), max(most, pause)
		}
		if most >= test.span || most < test.span*9/10 || least < 0 || least > test.span/10 {
			t.Errorf("after %d failures %v to %v, want 0 to %v", test.failures, least, most, test.span)
		}
	}
}

func TestGateTripsAndLetsOneThrough(t *testing.T) {
	var g gate
	now := time.Now()
	for i := range tripAfter - 1 {
		if g.failed(now) || g.allow(4, 0) != 4 || g.pause(now) != 0 {
			t.Fatalf("tripped after %d failures", i+1)
		}
	}
	if !g.failed(now) || g.allow(4, 0) != 1 || g.allow(4, 1) != 0 || g.allow(0, 0) != 0 {
		t.Errorf("not tripped after %d failures", tripAfter)
	}
	g.until = now.Add(time.Minute)
	for range 100 { // calls that were under way
		if !g.failed(now) {
			t.Error("a failure in the pause does not count as one of the pause")
		}
	}
	if g.failures != tripAfter || g.pause(now) != time.Minute {
		t.Errorf("calls under way made the pause longer: %+v", g)
	}
	g.answered()
	if g.allow(4, 3) != 4 || g.pause(now) != 0 || g.failed(now) {
		t.Error("an answer does not open the gate")
	}
}

func TestGatePausesOnTheSecondDenialInARow(t *testing.T) {
	var g gate
	now := time.Now()
	if g.denied(now) || g.pause(now) != 0 || g.allow(4, 0) != 1 {
		t.Error("the first denial may be about one person: the next is tried at once, alone")
	}
	span := deniedPause
	for range 8 {
		if !g.denied(now) {
			t.Fatal("calls do not pause")
		}
		if pause := g.pause(now); pause < span/2 || pause > span {
			t.Errorf("pause of %v, want %v to %v", pause, span/2, span)
		}
		for range 50 { // calls that were under way
			g.denied(now)
		}
		now = g.until
		span = min(2*span, maxPause)
	}
	g.answered()
	if g.denied(now) || g.pause(now) != 0 {
		t.Error("an answer does not open the gate")
	}
}

func TestGateKeepsThePauseThatWasAskedFor(t *testing.T) {
	now := time.Now()
	for _, test := range []struct{ after, least, most time.Duration }{
		{0, time.Second, 3 * time.Second},
		{time.Millisecond, time.Second, 1101 * time.Millisecond},
		{10 * time.Second, 10 * time.Second, 11001 * time.Millisecond},
		{240 * time.Hour, 5 * time.Minute, 5*time.Minute + 31*time.Second},
		{-time.Hour, time.Second, 3 * time.Second},
	} {
		var g gate
		pause := g.throttled(now, test.after)
		if pause < test.least || pause > test.most || g.pause(now) != pause {
			t.Errorf("asked for %v: paused %v, want %v to %v", test.after, pause, test.least, test.most)
		}
		g.answered()
		if g.pause(now) != pause {
			t.Error("an answer to a call under way ended the pause")
		}
		g.throttled(now, time.Second)
		if test.after > 2*time.Second && g.pause(now) != pause {
			t.Error("a shorter pause took the place of a longer one")
		}
	}
	var g gate
	var most time.Duration
	for range 30 {
		most = max(most, g.throttled(now, 0))
		now = now.Add(g.pause(now))
	}
	if most < 10*time.Second {
		t.Errorf("a backend that says nothing of how long gets at most %v", most)
	}
}

func TestCallsUnderWayMakeAPauseThatNobodyAskedForNoLonger(t *testing.T) {
	var g gate
	now := time.Now()
	for range 500 { // calls at once
		g.throttled(now, 0)
	}
	if most := 2200 * time.Millisecond; g.pause(now) > most {
		t.Errorf("after the first refusals the gate pauses for %v, want %v at most", g.pause(now), most)
	}
}

type timedOutError struct{ yes bool }

func (timedOutError) Error() string   { return "slow" }
func (e timedOutError) Timeout() bool { return e.yes }

func TestBlame(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	wrap := func(err error) error { return fmt.Errorf("x: deliver: %w", err) }
	for i, test := range []struct {
		ctx  context.Context
		err  error
		want blame
	}{
		{t.Context(), nil, nobody},
		{ended, nil, nobody},
		{ended, wrap(store.ErrInvalid), ourselves},
		{ended, wrap(context.Canceled), ourselves},
		{t.Context(), wrap(store.ErrInvalid), thePerson},
		{late, wrap(store.ErrInvalid), thePerson},
		{t.Context(), wrap(&store.FieldError{Field: "email"}), thePerson},
		{t.Context(), wrap(store.ErrDenied), theAccess},
		{t.Context(), wrap(&store.ThrottledError{Err: errors.New("429")}), theLoad},
		{t.Context(), wrap(store.ErrCannotErase), cannotErase},
		{t.Context(), wrap(store.ErrUnanswered), theSilence},
		{t.Context(), errors.Join(store.ErrInvalid, store.ErrUnanswered), theSilence},
		{t.Context(), errors.Join(store.ErrInvalid, store.ErrUnavailable), theBackend},
		{t.Context(), wrap(context.DeadlineExceeded), theSilence},
		{t.Context(), wrap(timedOutError{true}), theSilence},
		{t.Context(), wrap(timedOutError{false}), theBackend},
		{t.Context(), wrap(store.ErrUnavailable), theBackend},
		{late, wrap(store.ErrUnavailable), theBackend},
		{t.Context(), errors.New("odd"), theBackend},
		{late, errors.New("odd"), theSilence},
		{t.Context(), wrap(context.Canceled), theBackend}, // the backend's own doing
	} {
		if got := blameFor(test.ctx, test.err); got != test.want {
			t.Errorf("%d: %v is blamed on %d, want %d", i, test.err, got, test.want)
		}
	}
}

func TestRedactTakesURLsOut(t *testing.T) {
	const token = "123:SECRET"
	get := &url.Error{Op: "Get", URL: "https://api.example.com:8443/bot" + token + "/me?key=" + token, Err: errors.New("EOF")}
	for _, test := range []struct {
		err  error
		want string
	}{
		{get, `Get "https://api.example.com:8443": EOF`},
		{fmt.Errorf("a: %w", errors.Join(get, get)), "a: Get \"https://api.example.com:8443\": EOF Get \"https://api.example.com:8443\": EOF"},
		{errors.New("\x1b[31mred\r\n\u2028\u009b"), " [31mred    "},
		{errors.New("see http://h?k=" + token + " or wss://x/" + token + "."), "see http://h or wss://x"},
		{errors.New("https://user:" + token + "@host/x failed"), "https:// failed"},
		{fmt.Errorf("parse %q: bad", "http://u:p 1/"+token+"@h/"), `parse "http://": bad`},
		{fmt.Errorf("parse %q: bad", `http://h/a"b `+token), `parse "http://h": bad`},
		{errors.New("<https://h/" + token + "> and 'https://h#" + token + "'"), "<https://h> and 'https://h'"},
		{errors.New("h answered 500"), "h answered 500"},
		{errors.New("://"), "://"},
	} {
		got := redact(test.err)
		if got.Error() != test.want || strings.Contains(got.Error(), "SECRET") {
			t.Errorf("redacted:\n got %s\nwant %s", got, test.want)
		}
	}
	err := redact(fmt.Errorf("%w: %w", get, store.ErrUnanswered))
	if _, ok := errors.AsType[*url.Error](err); !ok || !errors.Is(err, store.ErrUnanswered) || errors.Unwrap(err) != nil {
		t.Error("the cause is not found, or is there for every logger to walk to")
	}
	if plain := errors.New("plain"); redact(plain) != plain {
		t.Error("an error without a URL is not the same any more")
	}
	if got := reason(fmt.Errorf("x: deliver telegram:42: %w", get), store.Key{Channel: "telegram", UserID: "42"}); got != `x: deliver the person: Get "https://api.example.com:8443": EOF` {
		t.Errorf("reason = %s", got)
	}
}
