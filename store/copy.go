package store

import (
	"context"
	"fmt"
)

// CopyOptions are the settings of [Copy]. The zero value and nil are ready to
// use.
type CopyOptions struct {
	// After goes on behind the last person of a copy that was cut short: what
	// Progress was told, or zero for all. What happened since to those before them
	// is brought by a copy from the beginning.
	After Key
	// Progress is called after each batch that is durable in dst, on the
	// caller's goroutine. nil: nobody is told.
	Progress func(p CopyProgress)
}

// CopyProgress says how far a [Copy] is.
type CopyProgress struct {
	// People is how many were copied, by this call.
	People int
	// Last is the last of them: CopyOptions.After of a copy that goes on.
	Last Key
}

// copyBatch is how many people Copy hands over at once.
const copyBatch = 500

// Copy brings all that src holds to dst: profiles with their provenance,
// tombstones, and, where both are an [Outbox], how everybody stands with each
// backend, so that nothing is left out and hardly anything delivered twice (see
// [Dossier.Join]). It joins what it brings to what dst holds, so it can be called
// again, after it was cut short or to catch up with what happened in src meanwhile.
// src is only read.
//
// To move a bot: Copy while it runs, stop it, Copy once more from the beginning,
// and start it on dst. Between the two calls, what takes something away cannot be
// seen in src: somebody whom it forgets without a tombstone after the first Copy
// has to be forgotten in dst too, and somebody whom it readmits to be readmitted.
//
// A Resync that src has not finished is begun again in dst, at the end. Where both stores
// delivered to a backend side by side, Resync it in dst afterwards: neither knows of which
// fields the other one sent an older value last.
//
// The error is that of one of the stores, or wraps ErrInvalid where one is nil.
// Everything up to the last Progress is durable in dst by then, and that is all that
// src yielded where src failed, as it does at somebody who cannot be read.
func Copy(ctx context.Context, dst, src Portable, o *CopyOptions) error {
	if o == nil {
		o = &CopyOptions{}
	}
	if isNil(dst) || isNil(src) {
		return fmt.Errorf("copy: a store is nil; did its Open return an error? %w", ErrInvalid)
	}
	unfinished, err := copyBackends(ctx, dst, src)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	p := CopyProgress{Last: o.After}
	batch := make([]Dossier, 0, copyBatch)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := dst.Import(ctx, batch); err != nil {
			return fmt.Errorf("copy: after %d people: %w", p.People, err)
		}
		p.People += len(batch)
		p.Last = batch[len(batch)-1].Key
		batch = batch[:0]
		if o.Progress != nil {
			o.Progress(p)
		}
		return nil
	}
	for d, err := range src.Dossiers(ctx, o.After) {
		if err != nil {
			if err := flush(); err != nil {
				return err
			}
			return fmt.Errorf("copy: after %d people: %w", p.People, err)
		}
		if batch = append(batch, d); len(batch) == copyBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	for _, backend := range unfinished {
		if err := dst.(Outbox).Resync(ctx, backend); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
	}
	return nil
}

// copyBackends enrolls in dst the backends that src knows, and returns those with
// whom src is not done.
func copyBackends(ctx context.Context, dst, src Portable) (unfinished []string, err error) {
	from, ok := src.(Outbox)
	if !ok {
		return nil, nil
	}
	backlogs, err := from.Backlogs(ctx)
	if err != nil || len(backlogs) == 0 {
		return nil, err
	}
	to, ok := dst.(Outbox)
	if !ok {
		return nil, fmt.Errorf("%d backends are owed to, which the store to copy to cannot remember: %w", len(backlogs), ErrInvalid)
	}
	for _, b := range backlogs {
		if err := to.Enroll(ctx, b.Backend); err != nil {
			return nil, err
		}
		if !b.Complete {
			unfinished = append(unfinished, b.Backend)
		}
	}
	return unfinished, nil
}
