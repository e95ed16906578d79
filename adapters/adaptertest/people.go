package adaptertest

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// The people of the scenes.
const (
	ann uint64 = 1001
	bob uint64 = 1002
	// beyondFloat is the least integer that a float64 cannot hold.
	beyondFloat uint64 = 1<<53 + 1
)

func from(kind Kind, id uint64, name, username string) Input {
	return Input{Kind: kind, UserID: id, Name: name, Username: username}
}

func firstMessage(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	in := from(Message, beyondFloat, "Ann", "ann")
	in.At = s.tick()
	o := s.say(in, middleware.Created)
	s.only(beyondFloat)
	p := s.kept(beyondFloat)
	switch {
	case o.Key != s.key(beyondFloat):
		s.failf("the Outcome is about %s, want %s", o.Key, s.key(beyondFloat))
	case o.Event == "":
		s.failf("Sender.Event is empty: put the platform's word for the event there")
	case p.Name != in.Name:
		s.failf("the profile's name is %q, want %q", p.Name, in.Name)
	case s.a.usernames() && p.Username != in.Username:
		s.failf("the profile's username is %q, want %q", p.Username, in.Username)
	}
	return s
}

func repeat(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Message, ann, "Ann", "ann"), middleware.Created)
	before := s.store.written()
	s.say(from(Message, ann, "Ann", "ann"), middleware.Unchanged)
	if n := s.store.written() - before; n != 0 {
		s.failf("%d writes for a sender who has not changed", n)
	}
	return s
}

func rename(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Message, ann, "Zoe", "zoe"), middleware.Created)
	s.say(from(Message, ann, "Ann", "ann"), middleware.Updated)
	s.only(ann)
	if p := s.kept(ann); p.Name != "Ann" || s.a.usernames() && p.Username != "ann" {
		s.failf("after a rename the profile has name %q and username %q, want Ann and ann", p.Name, p.Username)
	}
	return s
}

func lastNameRemoved(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	in := from(Message, ann, "Ann", "ann")
	in.LastName = "Lee"
	s.say(in, middleware.Created)
	if p := s.kept(ann); p.FamilyName != "Lee" || p.Name != "Ann Lee" {
		s.failf("the profile has name %q and family name %q, want Ann Lee and Lee", p.Name, p.FamilyName)
	}
	s.say(from(Message, ann, "Ann", "ann"), middleware.Updated)
	if p := s.kept(ann); p.FamilyName != "" || p.Name != "Ann" {
		s.failf("after the last name was removed the profile has name %q and family name %q, want Ann and none", p.Name, p.FamilyName)
	}
	return s
}

func lateEvent(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	late := from(Message, ann, "Zoe", "zoe")
	late.At = s.tick()
	in := from(Message, ann, "Ann", "ann")
	in.At = s.tick()
	s.say(in, middleware.Created)
	s.say(late, "")
	p := s.kept(ann)
	switch {
	case p.Name != "Ann":
		s.failf("an event of a minute earlier came late and replaced the name Ann by %q", p.Name)
	case !p.LastSeen.Truncate(time.Second).Equal(in.At):
		s.failf("last seen at %v, want the platform's time of the event, %v", p.LastSeen, in.At)
	case !p.FirstSeen.Truncate(time.Second).Equal(late.At):
		s.failf("first seen at %v, want the platform's time of the earlier event, %v", p.FirstSeen, late.At)
	}
	return s
}

func usernameMoves(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Message, ann, "Ann", "star"), middleware.Created)
	s.say(from(Message, ann, "Ann", "ann"), middleware.Updated)
	s.say(from(Message, bob, "Bob", "star"), middleware.Created)
	s.only(ann, bob)
	if p := s.kept(ann); p.Name != "Ann" || p.Username != "ann" {
		s.failf("the person who gave a username up has name %q and username %q, want Ann and ann", p.Name, p.Username)
	}
	if p := s.kept(bob); p.Name != "Bob" || p.Username != "star" {
		s.failf("the person who took a username over has name %q and username %q, want Bob and star", p.Name, p.Username)
	}
	return s
}

func unicodeName(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	for i, name := range hostile.Honest {
		id := ann + uint64(i)
		s.say(from(Message, id, name, "ann"), middleware.Created)
		if p := s.kept(id); p.Name != name {
			s.failf("the name %q was kept as %q", name, p.Name)
		}
	}
	return s
}

func hostileName(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	var ids []uint64
	for i, name := range hostile.Harmful {
		if !utf8.ValidString(name) {
			continue // no platform's JSON can carry it
		}
		id := ann + uint64(i)
		ids = append(ids, id)
		s.answered(from(Message, id, name, "ann"))
		for _, o := range s.settle(1) {
			if o.Result != middleware.Created {
				s.failf("harmful name %q: the Outcome is %s, want %s", cut(name), describe(o), middleware.Created)
			}
		}
		if err := hostile.Check(s.kept(id).Name); err != nil {
			s.failf("harmful name %q was kept with harm in it: %w", cut(name), err)
		}
	}
	s.only(ids...)
	return s
}

func cut(name string) string { return name[:min(len(name), 40)] }

func start(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	in := from(Start, ann, "Ann", "ann")
	in.Text = "spring-campaign"
	o := s.say(in, middleware.Created)
	if !o.Start {
		s.failf("Sender.Start is not set for the start command")
	}
	if p := s.kept(ann); p.StartPayload != in.Text {
		s.failf("the start payload was kept as %q, want %q: state store.FieldStartPayload", p.StartPayload, in.Text)
	}
	if s.say(from(Message, ann, "Ann", "ann"), middleware.Unchanged).Start {
		s.failf("Sender.Start is set for an ordinary message")
	}
	return s
}

func firstPayload(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Message, ann, "Ann", "ann"), middleware.Created)
	for _, payload := range []string{"spring", "autumn", ""} {
		in := from(Start, ann, "Ann", "ann")
		in.Text = payload
		s.say(in, "")
		if p := s.kept(ann); p.StartPayload != "spring" {
			s.failf("after a start with payload %q the payload kept is %q, want the first one, spring", payload, p.StartPayload)
		}
	}
	return s
}

func addressed(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Addressed, ann, "Ann", "ann"), middleware.Created)
	s.only(ann)
	return s
}

func overheard(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.dropped(from(Overheard, ann, "Ann", "ann"), middleware.ReasonUnaddressed)
	s.say(from(Message, ann, "Ann", "ann"), middleware.Created)
	s.only(ann)
	return s
}

func senderNotChat(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.say(from(Addressed, ann, "Ann", "ann"), middleware.Created)
	s.say(from(Addressed, bob, "Bob", "bob"), middleware.Created)
	s.say(from(Message, ann, "Ann", "ann"), "")
	s.only(ann, bob)
	return s
}

func fromBot(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.dropped(from(FromBot, ann, "Helper", "helper_bot"), middleware.ReasonBot)
	s.say(from(Message, bob, "Bob", "bob"), middleware.Created)
	s.only(bob)
	return s
}

func nobody(t *testing.T, a Adapter) *scene {
	s := open(t, a, nil)
	s.dropped(from(Nobody, ann, "News", "news"), middleware.ReasonNobody, middleware.ReasonWebhook,
		middleware.ReasonChannel, middleware.ReasonService, middleware.ReasonSystem, middleware.ReasonAnonymous)
	s.say(from(Message, bob, "Bob", "bob"), middleware.Created)
	s.only(bob)
	return s
}

// dropped delivers an event that must make no profile, for one of the reasons.
// That it was delivered is part of it, and the property goes on to show that
// the same bot does note somebody.
func (s *scene) dropped(in Input, reasons ...middleware.Reason) {
	o := s.say(in, middleware.Dropped)
	if s.failure() != nil {
		return
	}
	fits := false
	for _, r := range reasons {
		fits = fits || o.Reason == r
	}
	if !fits {
		s.failf("%s: dropped because %q, want one of %q", in.Kind, o.Reason, reasons)
	}
	s.only()
}

func manyPeople(t *testing.T, a Adapter) *scene {
	const people, events = 16, 4
	s := open(t, a, nil)
	done := make(chan struct{})
	ids := make([]uint64, people)
	for i := range ids {
		ids[i] = ann + uint64(i)
		go func() {
			defer func() { done <- struct{}{} }()
			for n := range events {
				in := from(Message, ids[i], crowdName(i, n), "crowd")
				s.deliver(in)
			}
		}()
	}
	for range ids {
		<-done
	}
	created := make(map[store.Key]int)
	for _, o := range s.settle(people * events) {
		if o.Result == middleware.Created {
			created[o.Key]++
		}
	}
	s.only(ids...)
	for i, id := range ids {
		if n := created[s.key(id)]; n != 1 {
			s.failf("%s: reported as Created %d times, not once", s.key(id), n)
		}
		if p, want := s.kept(id), crowdName(i, events-1); p.Name != want {
			s.failf("%s: kept with the name %q, want the last one of its own, %q", s.key(id), p.Name, want)
		}
	}
	return s
}

// crowdName is the nth name of person i. Each is smaller than the one before,
// so that a tie of times would keep the wrong one.
func crowdName(i, n int) string {
	return string(rune('z'-n)) + "-" + string(rune('A'+i))
}
