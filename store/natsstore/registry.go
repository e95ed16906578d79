package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// registryVersion is also raised with entryVersion: the registry is read by every
// transaction, so it keeps an older version of this package from all entries.
const registryVersion = 1

// A registry is the one entry that names the backends. It is read with every
// transaction, so that a change is owed to those which are enrolled at that
// moment.
type registry struct {
	Version  int                  `json:"version"`
	Next     uint64               `json:"next"` // number of the next enrolment
	Backends map[string]enrolment `json:"backends"`
	// Withdrawn are those of which something may be left.
	Withdrawn []withdrawal `json:"withdrawn,omitempty"`

	rev      uint64
	tx       string // who wrote it
	enrolled uint64 // the sequence of when a backend was added
}

// An enrolment is a backend that is enrolled. Its number tells it from an earlier
// one of the same name.
type enrolment struct {
	Number uint64 `json:"number"`
	Job    job    `json:"job,omitempty"`
	Cursor string `json:"cursor,omitempty"` // the last Key that the job did
	Began  int64  `json:"began"`            // milliseconds since 1970
	Total  int    `json:"total"`
}

func (r registry) names() []string { return slices.Sorted(maps.Keys(r.Backends)) }

func decodeRegistry(m stored) (registry, error) {
	var r registry
	if err := json.Unmarshal(m.data, &r); err != nil || r.Version < 1 {
		return r, fmt.Errorf("%w: the list of backends cannot be read", ErrCorrupt)
	}
	if r.Version > registryVersion {
		return r, fmt.Errorf("%w: its list of backends is of format %d", ErrNewerSchema, r.Version)
	}
	if r.Backends == nil {
		r.Backends = make(map[string]enrolment)
	}
	r.rev, r.tx = m.seq, m.tx
	return r, nil
}

// makeRegistry writes the empty registry where there is none.
func (s *Store) makeRegistry(ctx context.Context) error {
	return retry(ctx, func() error { return s.writeRegistry(ctx) })
}

// writeRegistry is one attempt of makeRegistry.
func (s *Store) writeRegistry(ctx context.Context) error {
	m, found, err := s.last(ctx, s.prefix+backendsToken)
	if err != nil {
		return err
	}
	if found {
		_, err := decodeRegistry(m)
		return err
	}
	data, err := json.Marshal(registry{Version: registryVersion, Next: 1})
	if err != nil {
		return err
	}
	_, err = s.commit(ctx, "new", []message{{subject: s.prefix + backendsToken, data: data, checked: true}})
	if errors.Is(err, errConflict) {
		return nil
	}
	return err
}

func (t *tx) enroll(name string, e enrolment) {
	t.registry.Backends[name] = e
	t.enrolled = true
}
