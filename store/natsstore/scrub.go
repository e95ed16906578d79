package natsstore

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/rollcall-go/rollcall/store"
)

// Scrub makes the server give up the files that hold what Forget and Expire have
// erased, and what people were called before. No client can have a server erase what
// is not kept any more, but a file of which nothing is kept is removed, at once or by
// the server's next clean-up, two minutes later. So Scrub writes all that is kept
// behind everything that was written before. It changes nothing that can be read, and
// may run while others use the bucket.
//
// It takes as long as to save everybody, and room for all of them once more: do it
// once a day, say, and not with each Forget. When it returns an error, begin again; it
// wraps [ErrCorrupt] where somebody cannot be read, whom to forget first.
func (s *Store) Scrub(ctx context.Context) error {
	if err := s.scrub(ctx); err != nil {
		return s.fail(ctx, "scrub", err)
	}
	return nil
}

func (s *Store) scrub(ctx context.Context) error {
	begin, err := s.fill(ctx)
	if err != nil {
		return err
	}
	err = s.update(ctx, nil, func(t *tx) error {
		t.enrolled, t.enrols = true, true
		return nil
	})
	if err != nil {
		return err
	}
	for keys, err := range s.keys(ctx, "", store.Key{}) {
		if err != nil {
			return err
		}
		for step := range slices.Chunk(keys, batchSize/3) {
			if err := s.update(ctx, step, func(t *tx) error { return t.rewrite(begin) }); err != nil {
				return err
			}
		}
	}
	r, err := s.backends(ctx)
	if err == nil && len(r.Withdrawn) > 0 {
		err = s.removeWithdrawn(ctx, r.Withdrawn)
	}
	for _, name := range r.names() {
		for _, l := range []lane{laneLive, laneBulk, laneDead} {
			if err == nil {
				err = s.sweepAll(ctx, name, r.Backends[name].Number, l)
			}
		}
	}
	if err != nil {
		return err
	}
	return retry(ctx, func() error {
		return s.purge(ctx, []purge{{Filter: s.prefix + fillToken}, {Filter: s.prefix + guardToken, Before: begin}})
	})
}

// rewrite writes everybody again who was not written since.
func (t *tx) rewrite(since uint64) error {
	for _, p := range t.people {
		if p.rev == 0 {
			continue
		}
		if err := p.usable(); err != nil {
			return err
		}
		p.dirty = p.rev < since
		for i := range p.standings {
			if st := &p.standings[i]; st.place != "" { // it may be older than the entry
				t.move(p.key, st)
				p.dirty = true
			}
		}
	}
	return nil
}

// fillSize is more than the server puts into one file.
const fillSize = 9 << 20

// fill writes so much that what comes is in another file, and returns the sequence
// from which on that is so. The bytes are random, since files may be compressed.
func (s *Store) fill(ctx context.Context) (since uint64, err error) {
	data := make([]byte, min(s.nc.MaxPayload()/2, 1<<20))
	_, _ = rand.Read(data) // never fails
	for written := 0; written < fillSize && err == nil; written += len(data) {
		err = retry(ctx, func() (err error) {
			if err = s.usable(ctx); err != nil {
				return err
			}
			since, err = s.commit(ctx, rand.Text(), []message{{subject: s.prefix + fillToken, data: data}})
			return err
		})
	}
	return since, err
}
