package discord_test

import (
	"encoding/json"
	"testing"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/middleware"
)

func FuzzFromRaw(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.T, []byte(s.D))
	}
	f.Add("MESSAGE_CREATE", []byte(`{"author":{"id":"5"},"author":{}}`))
	f.Fuzz(func(t *testing.T, event string, data []byte) {
		valid := json.Valid(data)
		for _, o := range []*discord.Options{nil, widest} {
			for s := range discord.FromRaw(event, data, o) {
				if s.Channel != discord.Channel || s.Event != event {
					t.Fatalf("channel %q, event %q", s.Channel, s.Event)
				}
				if s.UserID != "" || s.Key().IsZero() != (s.NumericID == 0) {
					t.Fatalf("key %q, number %d", s.UserID, s.NumericID)
				}
				if s.Drop == "" {
					if s.NumericID == 0 || !valid {
						t.Fatalf("a profile of id %d, well-formed %v", s.NumericID, valid)
					}
					if err := s.Key().Validate(); err != nil {
						t.Fatal(err)
					}
				}
				if !valid && s.Drop != middleware.ReasonMalformed {
					t.Fatalf("a malformed event was dropped as %q", s.Drop)
				}
			}
		}
	})
}
