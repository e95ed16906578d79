package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A told backend remembers what it was told.
type told struct {
	traits     store.Traits
	deliveries []store.Delivery
	erased     []string
}

func (b *told) Name() string         { return "told" }
func (b *told) Traits() store.Traits { return b.traits }

func (b *told) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	b.deliveries = append(b.deliveries, d)
	return store.Receipt{Remote: "7"}, errTold
}

var errTold = errors.New("said by the backend")

type toldEraser struct{ *told }

func (b toldEraser) Erase(_ context.Context, key store.Key, remote string) error {
	b.erased = append(b.erased, key.String()+" "+remote)
	return errTold
}

type toldBatcher struct{ *told }

func (b toldBatcher) DeliverBatch(_ context.Context, ds []store.Delivery) []store.BatchResult {
	b.deliveries = append(b.deliveries, ds...)
	return make([]store.BatchResult, len(ds))
}

type toldBoth struct {
	toldEraser
	toldBatch
}

type toldBatch interface {
	DeliverBatch(ctx context.Context, ds []store.Delivery) []store.BatchResult
}

func few(f store.Field) bool {
	return slices.Contains([]store.Field{store.FieldName, store.FieldCountry, store.FieldEmailVerified, store.FieldPhoneNumber, store.FieldPhoneVerified,
		store.NickField("1"), store.CustomKey("tier")}, f)
}

func everything() store.Profile {
	return store.Profile{
		Key: store.Key{Channel: "telegram", UserID: "42"}, Name: "Ann Lee", GivenName: "Ann", FamilyName: "Lee", Bio: "secret",
		Email: "ann@example.org", EmailVerified: true, PhoneNumber: "+14155552671", PhoneVerified: true, Username: "ann", IsPremium: true,
		Address: store.Address{StreetAddress: "Long Street 1", Country: "CZ"},
		Nicks:   map[string]string{"1": "Annie", "2": "secret"}, Custom: map[string]any{"tier": "gold", "debt": 7.0},
		FirstSeen: time.Unix(1, 0), LastSeen: time.Unix(2, 0),
	}
}

func TestRestrictTellsOnlyWhatIsTaken(t *testing.T) {
	want := store.Profile{
		Key: everything().Key, Name: "Ann Lee", PhoneNumber: "+14155552671", PhoneVerified: true, Address: store.Address{Country: "CZ"},
		Nicks: map[string]string{"1": "Annie"}, Custom: map[string]any{"tier": "gold"},
	}
	given := everything()
	d := store.Delivery{Profile: given, Fields: []store.Field{store.FieldName}, All: true, Remote: "5", Version: 3, Attempt: 2}
	inner := &told{}
	receipt, err := store.Restrict(inner, few).Deliver(t.Context(), d)
	if receipt.Remote != "7" || !errors.Is(err, errTold) {
		t.Errorf("it returns %+v, %v", receipt, err)
	}
	batch := []store.Delivery{d, d}
	if results := store.Restrict(toldBatcher{inner}, few).(store.Batcher).DeliverBatch(t.Context(), batch); len(results) != 2 {
		t.Errorf("%d results", len(results))
	}
	for _, got := range inner.deliveries {
		if !reflect.DeepEqual(got.Profile, want) {
			text, _ := json.Marshal(got.Profile)
			t.Errorf("it was told %s", text)
		}
		got.Profile = d.Profile
		if !reflect.DeepEqual(got, d) {
			t.Errorf("the rest of the delivery is %+v", got)
		}
	}
	if len(inner.deliveries) != 3 || !reflect.DeepEqual(given, everything()) || !reflect.DeepEqual(batch, []store.Delivery{d, d}) {
		t.Errorf("%d deliveries, or what was given is changed", len(inner.deliveries))
	}
}

func TestRestrictKeepsWhatTheBackendCan(t *testing.T) {
	inner := &told{traits: store.Traits{
		Takes: func(f store.Field) bool { return f != store.FieldCountry }, Serves: func(store.Key) bool { return false },
		Batch: 5, Timeout: time.Second, CannotClear: true,
	}}
	for _, c := range []struct {
		b               store.Backend
		erases, batches bool
	}{
		{inner, false, false}, {toldEraser{inner}, true, false}, {toldBatcher{inner}, false, true},
		{toldBoth{toldEraser{inner}, toldBatcher{inner}}, true, true},
	} {
		b := store.Restrict(c.b, few)
		eraser, erases := b.(store.Eraser)
		_, batches := b.(store.Batcher)
		if erases != c.erases || batches != c.batches {
			t.Errorf("%T: erases %t, takes batches %t", c.b, erases, batches)
		}
		if erases {
			inner.erased = nil
			err := eraser.Erase(t.Context(), everything().Key, "7")
			if !errors.Is(err, errTold) || !slices.Equal(inner.erased, []string{"telegram:42 7"}) {
				t.Errorf("%T: Erase returns %v and erases %v", c.b, err, inner.erased)
			}
		}
		got := b.Traits()
		for f, want := range map[store.Field]bool{
			store.FieldName: true, store.FieldCountry: false, store.FieldBio: false, store.FieldEmailVerified: false, store.FieldPhoneVerified: true,
		} {
			if got.Takes(f) != want {
				t.Errorf("%T: takes %s: %t", c.b, f, !want)
			}
		}
		if b.Name() != "told" || got.Batch != 5 || got.Timeout != time.Second || !got.CannotClear || got.Serves(everything().Key) {
			t.Errorf("%T: %q has the traits %+v", c.b, b.Name(), got)
		}
	}
	if b := store.Restrict(inner, nil); b != store.Backend(inner) || store.Restrict(nil, few) != nil {
		t.Error("without takes, or without a backend, it returns another one")
	}
	for _, nothing := range []store.Backend{(*told)(nil), store.BackendFunc("told", nil)} {
		if err := store.ValidateBackend(store.Restrict(nothing, few)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%T of nothing, restricted, is found to be %v", nothing, err)
		}
	}
	if everything := store.Restrict(&told{}, few).Traits(); !everything.Takes(store.FieldCountry) || everything.Takes(store.FieldBio) {
		t.Error("of a backend that takes all, it takes something else than was said")
	}
}
