package natstest

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

func TestBucketsOfOthersAreRefused(t *testing.T) {
	js := connect(t, single(t))
	for _, test := range []struct {
		bucket string
		config jetstream.StreamConfig
		want   error
	}{
		{"plain", jetstream.StreamConfig{}, natsstore.ErrForeign},
		{"other", jetstream.StreamConfig{Metadata: map[string]string{"owner": "another program"}}, natsstore.ErrForeign},
		{"newer", jetstream.StreamConfig{Metadata: map[string]string{"rollcall-schema": "2"}}, natsstore.ErrNewerSchema},
		{"none", jetstream.StreamConfig{Metadata: map[string]string{"rollcall-schema": "0"}}, natsstore.ErrForeign},
		{"old-server", jetstream.StreamConfig{Metadata: map[string]string{"rollcall-schema": "1"}}, natsstore.ErrServer},
	} {
		test.config.Name = "KV_" + test.bucket
		test.config.Subjects = []string{"$KV." + test.bucket + ".>"}
		before, err := js.CreateStream(t.Context(), test.config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = natsstore.New(t.Context(), js, &natsstore.Options{Bucket: test.bucket, SyncAlways: true, Replicas: 1})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: the error is %v, want %v", test.bucket, err, test.want)
		}
		info, err := before.Info(t.Context())
		if err != nil || info.State.LastSeq != 0 {
			t.Errorf("%s was written to: %v", test.bucket, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	js := connect(t, single(t))
	open(t, js, "made", 1)
	for name, o := range map[string]*natsstore.Options{
		"nil":            nil,
		"nothing stated": {Bucket: "b"},
		"name":           {Bucket: "a.b", SyncAlways: true},
		"replicas":       {Replicas: 7, SyncAlways: true},
		"no cluster":     {Bucket: "new", Replicas: 3, SyncAlways: true},
		"still none":     {Bucket: "made", Replicas: 3, SyncAlways: true},
	} {
		if _, err := natsstore.New(t.Context(), js, o); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: the error is %v, and does not wrap ErrInvalid", name, err)
		}
	}
}

func TestPowerCutsAreWarnedOf(t *testing.T) {
	js := connect(t, single(t))
	var warnings []string
	warn := func(warning string) { warnings = append(warnings, warning) }
	for _, test := range []struct {
		options natsstore.Options
		want    int
	}{
		{natsstore.Options{SyncAlways: true, MayLoseOnPowerCut: warn}, 0},
		{natsstore.Options{MayLoseOnPowerCut: warn}, 1},
		{natsstore.Options{MayLoseOnPowerCut: warn, Bucket: "a.b"}, 0}, // is refused
	} {
		warnings = nil
		st, err := natsstore.New(t.Context(), js, &test.options)
		if err == nil {
			_, err = st.Apply(t.Context(), anns(0, 3))
		}
		if (err != nil) != (test.options.Bucket != "") {
			t.Fatal(err)
		}
		if len(warnings) != test.want {
			t.Errorf("%d warnings, want %d: %q", len(warnings), test.want, warnings)
		}
		for _, w := range warnings {
			if !strings.Contains(w, "sync_interval: always") || !strings.Contains(w, `"rollcall"`) {
				t.Errorf("the warning is %q", w)
			}
		}
	}
}

func TestManyOpenANewBucket(t *testing.T) {
	n := single(t)
	errs := make(chan error, 6)
	stores := make(chan *natsstore.Store, cap(errs))
	for range cap(errs) {
		js := connect(t, n)
		go func() {
			st, err := natsstore.New(t.Context(), js, &natsstore.Options{Bucket: "race", SyncAlways: true})
			if err == nil {
				_, err = st.Apply(t.Context(), anns(0, 3))
			}
			stores <- st
			errs <- err
		}()
	}
	for range cap(errs) {
		st := <-stores
		if err := <-errs; err != nil {
			t.Error(err)
			continue
		}
		if err := st.Enroll(t.Context(), crm); err != nil {
			t.Error(err)
		}
	}
}

func TestReplicasAreChanged(t *testing.T) {
	t.Parallel()
	js := connect(t, cluster(t)...)
	before := open(t, js, "replicas", 1)
	if _, err := before.Apply(t.Context(), anns(0, 3)); err != nil {
		t.Fatal(err)
	}
	st := open(t, js, "replicas", 3)
	for _, replicas := range []int{0, 3} { // 0 leaves them as they are
		st = open(t, js, "replicas", replicas)
		s, err := js.Stream(t.Context(), "KV_replicas")
		if err != nil || s.CachedInfo().Config.Replicas != 3 {
			t.Fatalf("the bucket has %d replicas, %v", s.CachedInfo().Config.Replicas, err)
		}
	}
	if _, err := st.Get(t.Context(), person(2)); err != nil {
		t.Error(err)
	}
	if changes, err := st.Apply(t.Context(), anns(0, 6)); err != nil || changes[2].Created || !changes[3].Created {
		t.Errorf("Apply after the change: %v", err)
	}
}
