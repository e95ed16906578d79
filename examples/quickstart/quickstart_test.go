package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// perform runs the quickstart and returns what it printed.
func perform(t *testing.T, o options) (stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	if err := run(t.Context(), o, &out, &errOut); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), errOut.String())
	}
	return out.String(), errOut.String()
}

func profiles(t *testing.T, jsonLines string) map[string]store.Profile {
	t.Helper()
	people := make(map[string]store.Profile)
	for line := range strings.Lines(jsonLines) {
		var p store.Profile
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		people[p.Key.String()] = p
	}
	return people
}

func results(story string) map[string]int {
	count := make(map[string]int)
	for line := range strings.Lines(story) {
		for _, result := range []string{"created", "updated", "unchanged", "dropped", "failed", "coalesced"} {
			if strings.HasPrefix(line, "    ") && slices.Contains(strings.Fields(line), result) {
				count[result]++
			}
		}
	}
	return count
}

func TestTheDayPlayedTwice(t *testing.T) {
	for _, webhook := range []bool{false, true} {
		t.Run(fmt.Sprintf("webhook=%v", webhook), func(t *testing.T) {
			o := options{db: filepath.Join(t.TempDir(), "users.db"), webhook: webhook}
			first, _ := perform(t, o)
			if got := results(first); got["created"] != 5 || got["updated"] != 7 || got["dropped"] != 8 || got["failed"]+got["coalesced"] != 0 {
				t.Errorf("first run: %v\n%s", got, first)
			}
			second, _ := perform(t, o)
			if got := results(second); got["created"]+got["updated"]+got["failed"] != 0 || got["unchanged"] == 0 {
				t.Errorf("second run over the same file: %v\n%s", got, second)
			}

			o.json = true
			lines, _ := perform(t, o)
			people := profiles(t, lines)
			if len(people) != 5 {
				t.Errorf("%d people, want 5", len(people))
			}
			anna := people["telegram:1001"]
			if anna.Name != "Anna" || anna.FamilyName != "" || !anna.IsPremium || anna.StartPayload != "spring" || anna.PhoneNumber != "+14155552671" {
				t.Errorf("telegram:1001 = %s", lines)
			}
			if boris := people["telegram:1002"]; boris.Status != store.StatusActive || boris.GivenName != "Борис" {
				t.Errorf("telegram:1002 = %s", lines)
			}
			dara := people["discord:260000000000000001"]
			if dara.Name != "Dara of the Woods" || dara.Nicks["260000000000000100"] != "Captain" || dara.FamilyName != "" {
				t.Errorf("discord:260000000000000001 = %s", lines)
			}
			if eli := people["discord:260000000000000002"]; eli.Name != "eli.codes" {
				t.Errorf("discord:260000000000000002 = %s", lines)
			}
		})
	}
}

func TestEveryoneWidensTheScope(t *testing.T) {
	o := options{db: filepath.Join(t.TempDir(), "users.db"), everyone: true}
	story, _ := perform(t, o)
	if strings.Contains(story, "not addressed to the bot") {
		t.Errorf("with -everyone somebody was not addressed:\n%s", story)
	}
}

func TestEveryoneHearsOfMembers(t *testing.T) {
	events := write(t, "events.jsonl",
		`{"t":"GUILD_MEMBER_UPDATE","d":{"guild_id":"9","user":{"id":"77","username":"zed","global_name":"Zed"}}}`)
	for everyone, want := range map[bool]int{true: 1, false: 0} {
		o := options{db: filepath.Join(t.TempDir(), "users.db"), events: events, json: true, everyone: everyone}
		if lines, story := perform(t, o); len(profiles(t, lines)) != want {
			t.Errorf("everyone=%v: %s%s", everyone, lines, story)
		}
	}
}

func write(t *testing.T, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOwnUpdatesWithBrokenLines(t *testing.T) {
	updates := write(t, "updates.jsonl",
		`{"update_id":10,"message":{"message_id":1,"date":1700000000,"chat":{"id":5,"type":"private"},"from":{"id":5,"first_name":"Eve"},"text":"hi"}}`,
		`{"update_id":11,`,
		`[1,2]`,
		``,
		`{"update_id":12,"message_reaction_count":{"chat":{"id":-1001,"type":"supergroup"},"message_id":3,"date":1700000001,"reactions":[{"type":{"type":"emoji","emoji":"👍"},"total_count":2}]}}`,
		`{"update_id":12,"message":{"message_id":1,"date":1700000000,"chat":{"id":5,"type":"private"},"from":{"id":5,"first_name":"Eve"},"photo":[]}}`,
		// No time of its own, so it must not win against the message after it.
		`{"update_id":13,"callback_query":{"id":"1","from":{"id":5,"first_name":"Eve"},"chat_instance":"1","data":"x"}}`,
		`{"update_id":14,"message":{"message_id":2,"date":1700000002,"chat":{"id":5,"type":"private"},"from":{"id":5,"first_name":"Eva","last_name":"Ash"},"text":"hi"}}`,
	)
	events := write(t, "events.jsonl",
		`{"t":"MESSAGE_CREATE","d":{"id":"1200000000000000000","channel_id":"9","type":0,"author":{"id":"77","username":"zed","global_name":"Zed"}}}`,
		`{"t":"","d":{}}`,
		`{"t":"GUILD_MEMBER_ADD","d":{"guild_id":"1"}}`,
		`nonsense`,
		`{"t":"MESSAGE_CREATE","d":{"id":"1200000000000000001","channel_id":"9","type":0,"author":{"id":"77","username":"zed","global_name":null}}}`,
	)
	o := options{db: filepath.Join(t.TempDir(), "users.db"), updates: updates, events: events, json: true}
	lines, story := perform(t, o)
	for _, want := range []string{
		"updates.jsonl line 2 is left out: ", "updates.jsonl line 3 is left out: ", "updates.jsonl line 5 is left out: telebot.v3 cannot decode",
		"updates.jsonl line 6 is left out: telebot.v3 panics", "updates.jsonl: left out 4 of its lines", "events.jsonl line 2 is left out: ", "events.jsonl line 4 is left out: ", "events.jsonl: left out 2 of its lines",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the story does not say %q:\n%s", want, story)
		}
	}
	people := profiles(t, lines)
	if eva := people["telegram:5"]; len(people) != 2 || eva.Name != "Eva Ash" {
		t.Errorf("people:\n%s", lines)
	}
	if zed := people["discord:77"]; zed.Name != "zed" {
		t.Errorf("people:\n%s", lines)
	}
}

// discordgo panics where nobody can recover it.
func TestEventsThatDiscordgoPanicsOver(t *testing.T) {
	panics := []string{
		`{"t":"VOICE_STATE_UPDATE","d":{}}`,
		`{"t":"VOICE_STATE_UPDATE","d":null}`,
		`{"t":"GUILD_CREATE","d":{}}`,
		`{"t":"GUILD_UPDATE","d":null}`,
		`{"t":"GUILD_CREATE","d":{"id":"9","members":[null]}}`,
		`{"t":"GUILD_CREATE","d":{"id":"9","channels":[null]}}`,
		`{"t":"GUILD_UPDATE","d":{"id":"9","voice_states":[null]}}`,
		`{"t":"READY","d":{"guilds":[null]}}`,
		`{"t":"READY","d":{"guilds":[{"id":"9","channels":[null]}]}}`,
	}
	goesOn := []string{
		`{"t":"VOICE_STATE_UPDATE","d":{"guild_id":"9","user_id":"77","member":{"user":{"id":"77","username":"zed"}}}}`,
		`{"t":"GUILD_CREATE","d":{"id":"9","members":[{"user":{"id":"77","username":"zed"}}]}}`,
		`{"t":"READY","d":{}}`,
	}
	o := options{db: filepath.Join(t.TempDir(), "users.db"), events: write(t, "events.jsonl", append(panics, goesOn...)...), json: true, everyone: true}
	lines, story := perform(t, o)
	if n := strings.Count(story, "is left out: discordgo panics"); n != len(panics) || len(profiles(t, lines)) != 1 {
		t.Errorf("%d are left out, want %d, and one person:\n%s%s", n, len(panics), story, lines)
	}
}

// A stopper ends the run when it is told a text.
type stopper struct {
	at   string
	stop context.CancelFunc
}

func (s stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.at) {
		s.stop()
	}
	return len(p), nil
}

// Nothing is wrong with the bot or the backends then.
func TestCtrlCIsNoError(t *testing.T) {
	for _, at := range []string{"She writes twice.", "delivered", "On Discord, Dara"} {
		ctx, stop := context.WithCancel(t.Context())
		o := options{db: filepath.Join(t.TempDir(), "users.db"), backends: true}
		if err := run(ctx, o, stopper{at, stop}, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %q, run = %v, want %v", at, err, context.Canceled)
		}
		stop()
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	var out bytes.Buffer
	o := options{db: filepath.Join(t.TempDir(), "users.db"), updates: "no/such/file.jsonl"}
	if err := run(t.Context(), o, &out, &out); err == nil || !strings.Contains(err.Error(), "no/such/file.jsonl") {
		t.Errorf("run = %v", err)
	}
}

func TestWebhookWithATokenIsAnError(t *testing.T) {
	var out bytes.Buffer
	o := options{db: filepath.Join(t.TempDir(), "users.db"), webhook: true, telegramToken: "1:not-a-token"}
	if err := run(t.Context(), o, &out, &out); err == nil || !strings.Contains(err.Error(), "-webhook is for the loopback server only") {
		t.Errorf("run = %v", err)
	}
}
