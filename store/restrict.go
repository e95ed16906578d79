package store

import (
	"context"
	"slices"
)

// Restrict returns b as a Backend that is only ever told of the Key and of the
// fields that takes accepts, whatever else is known of a person: a change in
// others is not delivered, and Delivery.Profile does not hold them. FirstSeen and
// LastSeen, which are no fields, stay in too, and so does whether an email or a
// phone number is verified that is not told itself.
//
//	needs := []store.Field{store.FieldName, store.FieldUsername}
//	b = store.Restrict(b, func(f store.Field) bool { return slices.Contains(needs, f) })
//
// takes is called from several goroutines, and must not change its mind. With nil
// for it, or for b, b is returned as it is. The result is an [Eraser] and a
// [Batcher] where b is.
func Restrict(b Backend, takes func(f Field) bool) Backend {
	if takes == nil || validateBackendIsThere(b) != nil {
		return b
	}
	r := restricted{b, func(f Field) bool { return takes(f) && (flagOf[f] == "" || takes(flagOf[f])) }}
	eraser, erases := b.(Eraser)
	batcher, batches := b.(Batcher)
	switch {
	case erases && batches:
		return struct {
			restricted
			eraseFunc
			batchFunc
		}{r, eraser.Erase, r.batch(batcher)}
	case erases:
		return struct {
			restricted
			eraseFunc
		}{r, eraser.Erase}
	case batches:
		return struct {
			restricted
			batchFunc
		}{r, r.batch(batcher)}
	}
	return r
}

// flagOf says which field a flag is about.
var flagOf = map[Field]Field{
	FieldEmailVerified: FieldEmail,
	FieldPhoneVerified: FieldPhoneNumber,
}

type restricted struct {
	backend Backend
	takes   func(f Field) bool
}

func (r restricted) Name() string { return r.backend.Name() }

func (r restricted) Traits() Traits {
	t := r.backend.Traits()
	inner := t.Takes
	t.Takes = func(f Field) bool { return r.takes(f) && (inner == nil || inner(f)) }
	return t
}

func (r restricted) Deliver(ctx context.Context, d Delivery) (Receipt, error) {
	d.Profile = r.cut(d.Profile)
	return r.backend.Deliver(ctx, d)
}

func (r restricted) batch(b Batcher) batchFunc {
	return func(ctx context.Context, ds []Delivery) []BatchResult {
		ds = slices.Clone(ds)
		for i := range ds {
			ds[i].Profile = r.cut(ds[i].Profile)
		}
		return b.DeliverBatch(ctx, ds)
	}
}

// cut returns p with its Key and the fields that are taken.
func (r restricted) cut(p Profile) Profile {
	kept := Profile{Key: p.Key}
	for _, f := range p.Stated() {
		if r.takes(f) {
			kept.put(f, p.Value(f))
		}
	}
	return kept
}

type eraseFunc func(ctx context.Context, key Key, remote string) error

func (f eraseFunc) Erase(ctx context.Context, key Key, remote string) error {
	return f(ctx, key, remote)
}

type batchFunc func(ctx context.Context, ds []Delivery) []BatchResult

func (f batchFunc) DeliverBatch(ctx context.Context, ds []Delivery) []BatchResult {
	return f(ctx, ds)
}
