package natsstore

import (
	"context"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// List implements [store.Store]. It holds up to 100,000 keys at a time, and the
// profiles of 250 people.
func (s *Store) List(ctx context.Context, f store.Filter) iter.Seq2[store.Profile, error] {
	return func(yield func(store.Profile, error) bool) {
		if err := f.Validate(); err != nil {
			yield(store.Profile{}, s.fail(ctx, "list", err))
			return
		}
		yielded := 0
		for p, err := range s.everybody(ctx, f.Channel, f.After) {
			if err == nil {
				if err = p.usable(); err != nil {
					err = &store.DamagedError{Key: p.key, Err: err}
				}
			}
			if err != nil {
				yield(store.Profile{}, s.fail(ctx, "list", err))
				return
			}
			if !p.kept {
				continue
			}
			profile := p.record.Profile()
			if !f.Match(profile) {
				continue
			}
			if !yield(profile, nil) {
				return
			}
			if yielded++; yielded == f.Limit {
				return
			}
		}
	}
}

// pageSize is how many people are read at once by a listing.
const pageSize = 250

// everybody yields people in order, also those of whom no record is kept. An
// error ends it.
func (s *Store) everybody(ctx context.Context, channel string, after store.Key) iter.Seq2[*person, error] {
	return func(yield func(*person, error) bool) {
		for keys, err := range s.keys(ctx, channel, after) {
			for err == nil && len(keys) > 0 {
				n := min(pageSize, len(keys))
				var t *tx
				err = retry(ctx, func() error {
					err := s.usable(ctx)
					if err == nil {
						t, err = s.begin(ctx, keys[:n])
					}
					return err
				})
				if err != nil {
					break
				}
				for _, key := range keys[:n] {
					if !yield(t.people[key], nil) {
						return
					}
				}
				keys = keys[n:]
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// keys yields the keys of everybody behind after, in order, many at a time.
func (s *Store) keys(ctx context.Context, channel string, after store.Key) iter.Seq2[[]store.Key, error] {
	root := s.prefix + peopleToken
	if channel != "" {
		root += hex.EncodeToString([]byte(channel)) + "."
	}
	l := listing{s: s, root: root}
	if !after.IsZero() {
		l.after = s.prefix + peopleToken + hex.EncodeToString([]byte(after.Channel))
		if after.UserID != "" {
			l.after = s.person(after)
		}
	}
	return func(yield func([]store.Key, error) bool) {
		l := l // a sequence can be ranged over again
		for {
			var subjects []string
			err := retry(ctx, func() (err error) {
				if err = s.usable(ctx); err == nil {
					subjects, err = l.next(ctx)
				}
				return err
			})
			if err != nil {
				yield(nil, err)
				return
			}
			if len(subjects) == 0 {
				return
			}
			keys := make([]store.Key, 0, len(subjects))
			for _, subject := range subjects {
				if key, err := s.keyOf(subject); err == nil { // others are not ours
					keys = append(keys, key)
				}
			}
			if !yield(keys, nil) {
				return
			}
			l.after = subjects[len(subjects)-1]
		}
	}
}

// A listing goes through the subjects below root in order. The server lists what
// matches a filter, the first 100,000 of it or as many from an offset on, and
// that takes it time in proportion to all that match. So, to continue behind a
// subject, the listing asks for what is below that subject's own tokens, then for
// what is below all but the last of them, and so on until something comes.
type listing struct {
	s      *Store
	root   string
	after  string // the last subject that was seen, "" at the beginning
	offset int    // where it was found below root
}

func (l *listing) next(ctx context.Context) ([]string, error) {
	if !strings.HasPrefix(l.after, l.root) {
		if l.after > l.root {
			return nil, nil
		}
		return l.below(ctx, l.root)
	}
	for prefix := l.after + "."; ; {
		subjects, err := l.below(ctx, prefix)
		if err != nil || len(subjects) > 0 || len(prefix) <= len(l.root) {
			return subjects, err
		}
		prefix = prefix[:strings.LastIndexByte(prefix[:len(prefix)-1], '.')+1]
	}
}

// below returns the next subjects that begin with prefix.
func (l *listing) below(ctx context.Context, prefix string) ([]string, error) {
	offset := 0
	if prefix == l.root {
		offset = l.offset
	}
	for {
		page, total, err := l.s.page(ctx, prefix+">", offset)
		if err != nil {
			return nil, err
		}
		subjects := slices.Sorted(maps.Keys(page))
		switch {
		case offset > 0 && (len(subjects) == 0 || subjects[0] > l.after):
			offset = max(0, offset-overlap) // somebody in front was removed
			continue
		case len(subjects) > 1 && subjects[len(subjects)-1] <= l.after && offset+len(subjects) < total:
			offset += len(subjects) - 1
			continue
		}
		if prefix == l.root {
			l.offset = max(0, offset+len(subjects)-overlap)
		}
		first, found := slices.BinarySearch(subjects, l.after)
		if found {
			first++
		}
		return subjects[first:], nil
	}
}

// overlap is how many subjects pages have in common, so that there is no gap
// when some are removed meanwhile.
const overlap = 1000
