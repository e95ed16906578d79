package discord_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/rollcall-go/rollcall/adapters/discord"
	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A sample is one line of testdata/events.jsonl: a gateway event as Discord
// sends it, and what has to come of it.
type sample struct {
	Name string          `json:"name"`
	T    string          `json:"t"`
	D    json.RawMessage `json:"d"`
	// Want is what comes of it with Scope Everyone, Nicks and Backfill.
	Want []statement `json:"want"`
	// Addressed is why it is dropped by the zero Options, "" where it is not,
	// "-" where it is not even observed.
	Addressed middleware.Reason `json:"addressed"`
}

// A statement is a Sender in JSON.
type statement struct {
	Key   string                 `json:"key"`
	Drop  middleware.Reason      `json:"drop"`
	Set   map[store.Field]string `json:"set"`
	Clear []store.Field          `json:"clear"`
	At    time.Time              `json:"at"`
}

func statementOf(s middleware.Sender) statement {
	p := s.Patch()
	slices.Sort(p.Clear)
	st := statement{Drop: s.Drop, Set: p.Set, Clear: p.Clear, At: s.At}
	if !s.Key().IsZero() {
		st.Key = s.Key().String()
	}
	return st
}

func (st statement) equal(o statement) bool {
	slices.Sort(st.Clear)
	slices.Sort(o.Clear)
	return st.Key == o.Key && st.Drop == o.Drop && st.At.Equal(o.At) &&
		maps.Equal(st.Set, o.Set) && slices.Equal(st.Clear, o.Clear)
}

func samples(t testing.TB) []sample {
	t.Helper()
	f, err := os.Open("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []sample
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("line %d: %v", len(all)+1, err)
		}
		all = append(all, s)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	narrow = &discord.Options{BotID: discordtest.BotID}
	widest = &discord.Options{BotID: discordtest.BotID, Scope: discord.Everyone, Nicks: true, Backfill: true}
)

func TestFromRawOfEveryKindOfEvent(t *testing.T) {
	t.Parallel()
	for _, sample := range samples(t) {
		t.Run(sample.Name, func(t *testing.T) {
			var got []statement
			for s := range discord.FromRaw(sample.T, sample.D, widest) {
				if s.Channel != discord.Channel || s.Event != sample.T {
					t.Errorf("channel %q, event %q", s.Channel, s.Event)
				}
				got = append(got, statementOf(s))
			}
			if !slices.EqualFunc(got, sample.Want, statement.equal) {
				t.Errorf("Everyone: got %+v\nwant %+v", got, sample.Want)
			}
			reason := middleware.Reason("-")
			for s := range discord.FromRaw(sample.T, sample.D, narrow) {
				reason = s.Drop
			}
			if reason != sample.Addressed {
				t.Errorf("Addressed: dropped as %q, want %q", reason, sample.Addressed)
			}
		})
	}
}

// What discordgo decoded says the same as what Discord sent, but for what
// discordgo does not decode, or not keep apart.
func TestTypedAndRawAgree(t *testing.T) {
	t.Parallel()
	differ := map[string]string{
		"an author of the time before global names": "an absent global name and avatar look like null",
		"a webhook":                      "an absent global name looks like null",
		"an author whose id is a number": "discordgo fails to decode it",
		"a message with a component that discordgo does not know":                "discordgo fails to decode it",
		"a button under a message with a component that discordgo does not know": "discordgo fails to decode it",
	}
	o := &discord.Options{BotID: discordtest.BotID, Scope: discord.Everyone}
	compared := 0
	for _, sample := range samples(t) {
		var err error
		var typed middleware.Sender
		switch sample.T {
		case "MESSAGE_CREATE":
			var m discordgo.MessageCreate
			err = json.Unmarshal(sample.D, &m)
			typed = discord.FromMessage(m.Message, o)
		case "INTERACTION_CREATE":
			var i discordgo.InteractionCreate
			err = json.Unmarshal(sample.D, &i)
			typed = discord.FromInteraction(i.Interaction, o)
		default:
			continue
		}
		compared++
		if err != nil && differ[sample.Name] == "" && !strings.HasSuffix(sample.Name, "that discordgo does not know") {
			t.Errorf("%s: discordgo: %v", sample.Name, err)
		}
		for raw := range discord.FromRaw(sample.T, sample.D, o) {
			same := statementOf(raw).equal(statementOf(typed)) && raw.Event == typed.Event
			if reason := differ[sample.Name]; same == (reason != "") {
				t.Errorf("%s (%s):\n  raw %+v\ntyped %+v", sample.Name, reason, statementOf(raw), statementOf(typed))
			}
		}
	}
	if compared < 40 {
		t.Errorf("only %d samples were compared", compared)
	}
}

func TestAnOptionOfNilIsTheDefault(t *testing.T) {
	t.Parallel()
	e := discordtest.Message(ann, discordtest.Guild(guild), "hi")
	n := 0
	for s := range discord.FromRaw(e.Type, e.Data, nil) {
		n++
		if s.Drop != middleware.ReasonUnaddressed || s.Reply != nil || s.Native != nil {
			t.Errorf("%+v", s)
		}
	}
	if n != 1 {
		t.Errorf("%d senders", n)
	}
	if s := discord.FromMessage(nil, nil); s.Drop != middleware.ReasonNobody {
		t.Errorf("no message: %q", s.Drop)
	}
	if s := discord.FromInteraction(nil, nil); s.Drop != middleware.ReasonNobody {
		t.Errorf("no interaction: %q", s.Drop)
	}
}

func TestMalformedEventsAreDroppedAsSuch(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"MESSAGE_CREATE", "MESSAGE_UPDATE", "INTERACTION_CREATE", "GUILD_MEMBER_ADD", "GUILD_MEMBERS_CHUNK", "GUILD_CREATE"} {
		for _, data := range []string{``, `{`, `{"author":{"id":"5"}`, `{"members":[{"user":{"id":"5","username":"x"}},]}`, `{} {}`, `{"a":01}`, `{"a":"\x"}`, "{\"a\":\"\n\"}"} {
			var drops []middleware.Reason
			for s := range discord.FromRaw(event, []byte(data), widest) {
				drops = append(drops, s.Drop)
			}
			if !slices.Equal(drops, []middleware.Reason{middleware.ReasonMalformed}) {
				t.Errorf("%s %s: %q", event, data, drops)
			}
		}
	}
}

func TestAListingStopsWhenAsked(t *testing.T) {
	t.Parallel()
	e := discordtest.MembersChunk(guild, ann, bob, ann)
	n := 0
	for range discord.FromRaw(e.Type, e.Data, widest) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d senders", n)
	}
}

func TestAChunkOfAThousandYieldsAThousand(t *testing.T) {
	t.Parallel()
	users := make([]discordtest.User, 1000)
	for i := range users {
		users[i] = discordtest.User{ID: strconv.Itoa(i + 1), Username: "user"}
	}
	e := discordtest.MembersChunk(guild, users...)
	for o, want := range map[*discord.Options]int{widest: 1000, narrow: 0, {Scope: discord.Everyone}: 0, {Backfill: true}: 0} {
		next := uint64(1)
		for s := range discord.FromRaw(e.Type, e.Data, o) {
			if s.NumericID != next {
				t.Fatalf("%+v: got %s, want %d", *o, s.Key(), next)
			}
			next++
		}
		if got := int(next - 1); got != want {
			t.Errorf("%+v: %d senders, want %d", *o, got, want)
		}
	}
}

func TestJoinsAreAnOption(t *testing.T) {
	t.Parallel()
	e := discordtest.JoinMessage(ann, guild)
	for joins, want := range map[bool]middleware.Reason{false: middleware.ReasonSystem, true: ""} {
		for s := range discord.FromRaw(e.Type, e.Data, &discord.Options{Joins: joins}) {
			if s.Drop != want {
				t.Errorf("Joins %v: dropped as %q, want %q", joins, s.Drop, want)
			}
		}
	}
}

func TestANickIsOfAGuildThatHasAnID(t *testing.T) {
	t.Parallel()
	u := ann
	u.Nick = "Annie"
	e := discordtest.Message(u, discordtest.Guild(guild), "hi")
	for id, want := range map[any]string{guild: "Annie", "x": "", "007": "", "": "", 7: ""} {
		for s := range discord.FromRaw(e.Type, e.With("guild_id", id).Data, widest) {
			for f, v := range s.Patch().Set {
				if _, nick := strings.CutPrefix(string(f), "nicks."); nick && (v != want || f != store.NickField(guild)) {
					t.Errorf("guild %v: %s is %q", id, f, v)
				}
			}
			if got := s.Patch().Set[store.NickField(guild)]; got != want {
				t.Errorf("guild %v: the nick is %q, want %q", id, got, want)
			}
		}
	}
}
