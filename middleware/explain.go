package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/rollcall-go/rollcall/store"
)

// An Explanation tells what [Middleware.Observe] would do with a Sender, and why.
// It holds lengths in the place of values, so that it can go into a bug report.
// String makes readable text of it.
type Explanation struct {
	Key   store.Key // zero where the event has nobody
	Event string    // the platform's word for it
	// At is when the event counts as seen: Sender.At, or now where that cannot be.
	// What an Undated one says counts as said long before that.
	At time.Time
	// Result is what the Outcome would say: Created, Updated, Unchanged or
	// Dropped; and Reason why, for Dropped. With FirstMessage it is Coalesced while
	// the first message is not saved yet, of which alone something is kept.
	Result Result
	Reason Reason
	// Waits is true when something of the person is not saved yet. The observation
	// may be joined to it, and then ends as Coalesced. Result and Effect tell of the
	// event beside what waits, and Writes and Backends of both.
	Waits bool
	// Writes is true when the store would be asked to write something, if only the
	// time of LastSeen. A process that has just begun asks once more of each person.
	Writes bool
	// Fields tells of each that the event speaks of, sorted. Where the event is
	// Dropped or Coalesced only EffectRefused is told.
	Fields []FieldExplanation
	// Backends tells of each of Options.Backends, in that order, when the event
	// would be saved.
	Backends []BackendExplanation
}

// A FieldExplanation is what an event says of one field.
type FieldExplanation struct {
	Field store.Field
	// Length is that of the value, in characters, as it would be kept. 0 means
	// that the event says there is none.
	Length int
	// Was is the length of what a reader sees now.
	Was int
	// Repaired is true when the value is not kept as it came: it is cut, or
	// freed of what does no good.
	Repaired bool
	Effect   Effect
}

// An Effect is what comes of one field that an event speaks of.
type Effect string

// The effects.
const (
	EffectChange  Effect = "changes"                           // readers see another value
	EffectSame    Effect = "is the same"                       // readers see what they saw
	EffectHidden  Effect = "is hidden by what people decided"  // kept, under what is Declared or Pinned
	EffectLate    Effect = "is older than what is kept"        // something said later, or for StartPayload earlier, stays
	EffectRefused Effect = "cannot be kept, and is left alone" // see store.Repair and Options.CustomFields
)

// A BackendExplanation is what one backend would be sent.
type BackendExplanation struct {
	Backend string
	// State is how the person stands there before the event, "" for not at all.
	State store.State
	// Fields are those that would be sent, what is owed already among them, and
	// Cleared those of them that would be cleared.
	Fields, Cleared []store.Field
	// Uncleared are fields without a value any more, whose last one stays at the
	// backend, which cannot clear.
	Uncleared []store.Field
	// Nothing says why nothing would be sent, and is empty otherwise.
	Nothing string
}

// Explain is [Middleware.Explain] for a process that serves no bot: it reads st,
// and neither writes nor delivers anything. o is what the bot's New gets, and may be
// nil. What waits in the bot's memory is not known here. The error wraps
// store.ErrInvalid, as that of New does, or is the store's.
func Explain(ctx context.Context, st store.Store, o *Options, s *Sender) (Explanation, error) {
	small := Options{}
	if o != nil {
		small = *o
	}
	small.ExpectedPeople = 1 // nobody is remembered
	m, err := idle(st, &small)
	if err != nil {
		return Explanation{}, fmt.Errorf("middleware: explain: %w", err)
	}
	return m.Explain(ctx, s)
}

// Explain tells what Observe would do with s now, and why, without doing it:
// what was extracted, what would change, whether that is written, and what each of
// Options.Backends would be sent. It asks the store, so it is for people who look
// into something, not for each event.
//
// When the store cannot be asked the error is its own, and the Explanation tells of
// the event alone, without a Result. A nil Sender is nobody.
func (m *Middleware) Explain(ctx context.Context, s *Sender) (Explanation, error) {
	if s == nil {
		s = &Sender{}
	}
	key := s.Key()
	x := Explanation{Key: key, Event: s.Event, At: plausible(s.At, time.Now()), Result: Dropped}
	x.Fields = m.explainFields(s)
	switch reason := m.leaveOutContained(s); {
	case reason != "":
		x.Reason = reason
		return x, nil
	case key.Validate() != nil:
		x.Reason = ReasonInvalidKey
		return x, nil //nolint:nilerr // it is the answer
	}
	waiting := m.pending.peek(key) // before the store, as record does
	x.Waits = !waiting.Key.IsZero()
	stored, err := contained(m, func() (store.Record, error) { return m.store.Get(ctx, key) })
	switch {
	case errors.Is(err, store.ErrSuppressed):
		x.Reason, x.Waits = ReasonSuppressed, false
		return x, nil
	case err != nil && !absent(err):
		x.Result = ""
		return x, fmt.Errorf("middleware: explain %s: %w", key, err)
	case m.when == FirstMessage && x.Waits:
		x.Result = Coalesced
		return x, nil
	case m.when == FirstMessage && !stored.FirstSeen.IsZero():
		x.Reason = ReasonWhen
		return x, nil
	}
	kept := store.Merge(stored, waiting)
	_, stated := m.observation(s, s.sighting(x.At), time.Now())
	delta := stated.delta(key, m.repairer)
	merged, change := kept.Apply(delta)
	_, unsaved := stored.Apply(store.Merge(waiting, delta))
	x.Writes = m.worthWriting(stored, merged)
	x.Result = Unchanged
	switch {
	case change.Created:
		x.Result = Created
	case len(change.Fields) > 0:
		x.Result = Updated
	}
	before := kept.Profile()
	for i := range x.Fields {
		f := &x.Fields[i]
		f.Was = utf8.RuneCountInString(before.Value(f.Field))
		if f.Effect == "" {
			f.Effect = EffectLate // unless the delta has it
		}
		for _, stated := range delta.Registers {
			if stated.Field == f.Field {
				f.Effect = effectOf(stated, merged, change)
			}
		}
	}
	x.Backends, err = m.explainBackends(ctx, merged, unsaved)
	return x, err
}

// leaveOutContained is leaveOut, and takes a panic of Options.Who as Observe does.
func (m *Middleware) leaveOutContained(s *Sender) (reason Reason) {
	reason = ReasonPanic
	m.contain("Who", func() { reason = m.leaveOut(s) })
	return reason
}

// worthWriting reports whether merged says something that kept does not, or moves
// LastSeen by so much that Options.SeenEvery asks for it.
func (m *Middleware) worthWriting(kept, merged store.Record) bool {
	person := keySlot(merged.Key.Channel, merged.Key.UserID)
	return m.period(person, kept.LastSeen) != m.period(person, merged.LastSeen) ||
		!kept.FirstSeen.Equal(merged.FirstSeen) ||
		!slices.EqualFunc(kept.Registers, merged.Registers, func(a, b store.Register) bool {
			return a.Field == b.Field && a.Source == b.Source && a.Value == b.Value
		})
}

// explainFields tells what s states, each field once.
func (m *Middleware) explainFields(s *Sender) []FieldExplanation {
	var fields []FieldExplanation
	patch := s.Patch()
	for _, f := range append(slices.Sorted(maps.Keys(patch.Set)), patch.Clear...) {
		value, ok := m.repairer.repair(patch.Key, patch.At, f, patch.Set[f])
		x := FieldExplanation{Field: f, Length: utf8.RuneCountInString(value), Repaired: ok && value != patch.Set[f]}
		if !ok {
			x.Effect = EffectRefused
		}
		fields = append(fields, x)
	}
	slices.SortFunc(fields, func(a, b FieldExplanation) int { return cmp.Compare(a.Field, b.Field) })
	return fields
}

// effectOf tells what becomes of a statement of delta.
func effectOf(stated store.Register, merged store.Record, change store.Change) Effect {
	i := slices.IndexFunc(merged.Registers, func(r store.Register) bool {
		return r.Field == stated.Field && r.Source == stated.Source
	})
	switch {
	case merged.Registers[i].Value != stated.Value:
		return EffectLate
	case slices.Contains(change.Fields, stated.Field):
		return EffectChange
	case change.Profile.Value(stated.Field) != undecided(merged).Value(stated.Field):
		return EffectHidden
	}
	return EffectSame
}

// undecided is what readers would see had nobody declared or pinned anything.
func undecided(r store.Record) store.Profile {
	r.Registers = slices.DeleteFunc(slices.Clone(r.Registers), func(reg store.Register) bool { return reg.Source != store.Observed })
	return r.Profile()
}

// explainBackends tells what each backend would be sent once change is saved.
func (m *Middleware) explainBackends(ctx context.Context, merged store.Record, change store.Change) ([]BackendExplanation, error) {
	if len(m.deliverers) == 0 {
		return nil, nil
	}
	kept, err := m.standingsOf(ctx, merged.Key)
	if err != nil {
		return nil, fmt.Errorf("middleware: explain %s: %w", merged.Key, err)
	}
	standings := make(map[string]store.Standing, len(kept))
	for _, s := range kept {
		standings[s.Backend] = s
	}
	var all []BackendExplanation
	for _, d := range m.deliverers {
		x := BackendExplanation{Backend: d.name, State: standings[d.name].State}
		if err := d.contain(func() error { d.explain(&x, standings[d.name], merged, change); return nil }); err != nil {
			x.Nothing = "it panicked; the log has the stack"
		}
		all = append(all, x)
	}
	return all, nil
}

func (d *deliverer) explain(x *BackendExplanation, s store.Standing, merged store.Record, change store.Change) {
	if t := d.traits; t.Serves != nil && !t.Serves(merged.Key) {
		x.Nothing = "it is not for this person"
		return
	}
	if change.Owes() {
		s = s.Changed(change.Fields, time.Now())
	}
	if s.State != store.StateOwed {
		x.Nothing = "nothing is new to it"
		return
	}
	delivery, uncleared, needed := deliveryOf(store.Claim{Standing: s, Record: merged}, d.traits)
	x.Uncleared = uncleared
	if !needed {
		x.Nothing = "it has no place for what is new"
		return
	}
	x.Fields, x.Cleared = delivery.Fields, delivery.Cleared()
}
