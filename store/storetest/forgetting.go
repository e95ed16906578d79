package storetest

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/rollcall-go/rollcall/store"
)

// known is a person with something in each kind of place.
func known(key store.Key) store.Record {
	return store.Merge(
		observed(key, after(0), fields{store.FieldGivenName: "Ann", store.FieldStartPayload: "promo1", store.NickField("1"): "n"}),
		pinned(key, after(1), fields{store.FieldBio: "regular", store.CustomKey("tier"): `"gold"`}),
	)
}

func forgetErases(p *probe) {
	st := p.open()
	other := known(numbered("telegram", 1))
	p.apply(st, known(ann()), other)
	p.forget(st, ann(), false)
	p.unknown(st, ann())
	p.samePeople("List after Forget", p.list(st, store.Filter{}), []store.Profile{other.Profile()})
	p.sameRecord(st, other)
	p.forget(st, ann(), false)

	back := observed(ann(), after(9), fields{store.FieldGivenName: "Ann"})
	if c := p.apply(st, back)[0]; !c.Created {
		p.failf("a forgotten person without a tombstone comes back, and is not Created: %s", asJSON(c))
	}
	p.sameRecord(st, back)
	p.figure = fmt.Sprintf("0 of %d fields", len(known(ann()).Registers))
}

func forgetSuppresses(p *probe) {
	st := p.open()
	stranger := numbered("discord", 1)
	p.apply(st, known(ann()))
	p.forget(st, ann(), true)
	p.forget(st, stranger, true)
	p.suppressed(st, ann())
	p.suppressed(st, stranger)
	if people := p.list(st, store.Filter{}); len(people) != 0 {
		p.failf("List yields %d people when all were forgotten", len(people))
	}
	p.forget(st, ann(), false)
	p.suppressed(st, ann())

	changes := p.apply(st, known(ann()), known(numbered("telegram", 2)), known(ann()))
	if changes[0].Suppressed != changes[2].Suppressed || changes[1].Suppressed || !changes[1].Created {
		p.failf("in a batch with a forgotten person the changes are %s", asJSON(changes))
	}
}

// suppressed wants key to be forgotten with a tombstone.
func (p *probe) suppressed(st store.Store, key store.Key) {
	_, err := st.Get(p.ctx, key)
	p.errorIs("Get of a person with a tombstone", err, store.ErrNotFound, store.ErrSuppressed)
	c := p.apply(st, known(key))[0]
	if !c.Suppressed {
		p.failf("Apply to a person with a tombstone is not Suppressed")
	}
	if !reflect.DeepEqual(c, store.Change{Suppressed: true}) {
		p.failf("a Suppressed change tells of the person: %s", asJSON(c))
	}
	_, err = st.Get(p.ctx, key)
	p.errorIs("Get after a suppressed Apply", err, store.ErrNotFound, store.ErrSuppressed)
}

func readmit(p *probe) {
	st := p.open()
	p.readmit(st, numbered("telegram", 3))
	p.apply(st, known(ann()))
	p.readmit(st, ann())
	p.sameRecord(st, known(ann()))
	p.forget(st, ann(), true)
	p.readmit(st, ann())
	p.unknown(st, ann())
	back := observed(ann(), after(9), nil)
	if c := p.apply(st, back)[0]; !c.Created || c.Suppressed {
		p.failf("the first delta of a readmitted person is %s", asJSON(c))
	}
	p.sameRecord(st, back)
}

func closed(p *probe) {
	st := p.open()
	closer, ok := st.(io.Closer)
	if !ok {
		p.skip("the store has no Close")
	}
	p.apply(st, known(ann()))
	if err := closer.Close(); err != nil {
		p.failf("Close: %v", err)
	}
	_, err := st.Apply(p.ctx, []store.Record{known(ann())})
	p.errorIs("Apply after Close", err, store.ErrClosed)
	_, err = st.Apply(p.ctx, nil)
	p.errorIs("an empty Apply after Close", err, store.ErrClosed)
	_, err = st.Get(p.ctx, ann())
	p.errorIs("Get after Close", err, store.ErrClosed)
	p.errorIs("Forget after Close", st.Forget(p.ctx, ann(), true), store.ErrClosed)
	p.errorIs("Readmit after Close", st.Readmit(p.ctx, ann()), store.ErrClosed)
	err = errors.New("nothing at all")
	for _, err = range st.List(p.ctx, store.Filter{}) {
	}
	p.errorIs("List after Close", err, store.ErrClosed)
	if err := closer.Close(); err != nil {
		p.failf("a second Close: %v", err)
	}
}

func durable(p *probe) {
	if p.reopen == nil {
		p.skip("without storetest.Reopen")
	}
	st := p.open()
	want := known(ann())
	gone := numbered("telegram", 1)
	p.apply(st, want, known(gone))
	p.forget(st, gone, true)
	for range 2 {
		st = p.reopen(st)
		p.sameRecord(st, want)
		p.suppressed(st, gone)
		p.samePeople("List after reopening", p.list(st, store.Filter{}), []store.Profile{want.Profile()})
		more := observed(ann(), after(20), fields{store.FieldFamilyName: "Lee"})
		want = store.Merge(want, more)
		p.apply(st, more)
	}
}
