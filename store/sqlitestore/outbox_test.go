package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

func crowd(size int) []store.Record {
	var deltas []store.Record
	for n := range size {
		key := store.Key{Channel: "telegram", UserID: fmt.Sprint(n)}
		deltas = append(deltas, observed(key, epoch, map[store.Field]string{store.FieldGivenName: "Ann"}))
	}
	return deltas
}

func enroll(t *testing.T, st store.Outbox, backend string) {
	t.Helper()
	if err := st.Enroll(t.Context(), backend); err != nil {
		t.Fatal(err)
	}
}

func standings(t *testing.T, st store.Outbox, f store.StandingFilter) []store.Standing {
	t.Helper()
	var all []store.Standing
	for s, err := range st.Standings(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func backlog(t *testing.T, st store.Outbox) store.Backlog {
	t.Helper()
	backlogs, err := st.Backlogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(backlogs) == 0 {
		return store.Backlog{}
	}
	return backlogs[0]
}

// owedOnce wants size people to be owed to crm, each by one Enroll.
func owedOnce(t *testing.T, st store.Outbox, size int) {
	t.Helper()
	all := standings(t, st, store.StandingFilter{Backend: "crm"})
	if len(all) != size {
		t.Errorf("%d people are owed; want %d", len(all), size)
	}
	for _, s := range all {
		if s.State != store.StateOwed || s.Version != 1 || !s.All || !s.Bulk {
			t.Fatalf("after Enroll a standing is %+v", s)
		}
	}
	if b := backlog(t, st); b.Owed != size || b.Bulk != size || b.Total != size || !b.Complete {
		t.Errorf("after Enroll the backlog is %+v", b)
	}
}

func TestStoresOnOneFileShareClaims(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	const size = 60
	stores := []store.Outbox{open(t, path), open(t, path)}
	enroll(t, stores[0], "crm")
	apply(t, stores[1], crowd(size)...) // enrolled by the other
	var mu sync.Mutex
	claimed := make(map[store.Key]int)
	var claiming sync.WaitGroup
	for _, st := range stores {
		claiming.Go(func() {
			for {
				claims, _, err := st.Claim(t.Context(), "crm", 7, time.Minute)
				if err != nil {
					t.Error(err)
				}
				if len(claims) == 0 {
					return
				}
				mu.Lock()
				for _, c := range claims {
					claimed[c.Standing.Key]++
				}
				mu.Unlock()
			}
		})
	}
	claiming.Wait()
	if len(claimed) != size {
		t.Errorf("%d people of %d were handed out", len(claimed), size)
	}
	for key, n := range claimed {
		if n != 1 {
			t.Errorf("%s was handed out %d times", key, n)
		}
	}
}

func TestStoresOnOneFileEnrollTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	const size = 200
	var stores []store.Outbox
	for range 3 {
		st := open(t, path)
		st.SetStep(30)
		stores = append(stores, st)
	}
	apply(t, stores[0], crowd(size)...)
	var enrolling sync.WaitGroup
	for _, st := range stores {
		enrolling.Go(func() {
			if err := st.Enroll(t.Context(), "crm"); err != nil {
				t.Error(err)
			}
		})
	}
	enrolling.Wait()
	owedOnce(t, stores[0], size)
}

// A step that waits for nothing but its turn would keep the bot waiting.
func TestApplyRunsBesideEnroll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	const size = 300
	st := open(t, path)
	st.SetStep(30)
	apply(t, st, crowd(size)...)
	done := make(chan error, 1)
	go func() { done <- st.Enroll(t.Context(), "crm") }()
	beside := 0
	for n := 0; ; n++ {
		key := store.Key{Channel: "discord", UserID: fmt.Sprint(n)}
		apply(t, st, observed(key, epoch, nil), observed(store.Key{Channel: "telegram", UserID: fmt.Sprint(n)}, epoch.Add(1),
			map[store.Field]string{store.FieldBio: "new"}))
		if b := backlog(t, st); b.Total > 0 && !b.Complete {
			beside++
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if beside == 0 {
				t.Error("nothing was applied while Enroll was under way")
			}
			all := standings(t, st, store.StandingFilter{State: store.StateOwed})
			if want := size + n + 1; len(all) != want {
				t.Errorf("%d people are owed; want %d", len(all), want)
			}
			for _, s := range all {
				if !s.All {
					t.Fatalf("owed is only a part: %+v", s)
				}
			}
			return
		default:
		}
	}
}

// killedAmid kills a process that enrolls crm when it has done some people. It
// reports whether it had not done all.
func killedAmid(t *testing.T, st store.Outbox, path string) bool {
	t.Helper()
	cmd := process(t, "enroll", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for backlog(t, st).Total == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	return !backlog(t, st).Complete
}

func TestKillAmidEnroll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	const size = 600
	st := open(t, path)
	apply(t, st, crowd(size)...)
	st.SetStep(100)
	for try, amid := 0, false; !amid; try++ {
		if try == 100 {
			t.Fatal("no process was killed before its end")
		}
		amid = killedAmid(t, st, path)
		enroll(t, st, "crm")
		owedOnce(t, st, size)
		if err := st.Withdraw(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		if left := standings(t, st, store.StandingFilter{}); len(left) > 0 {
			t.Fatalf("after Withdraw %d standings are left", len(left))
		}
	}
}

// The standing of somebody who is forgotten holds the names of fields, in which
// ids of guilds occur, and the backend's reasons.
func TestForgetLeavesNoByteOfAStanding(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	st := open(t, path)
	apply(t, st, crowd(50)...)
	enroll(t, st, "crm")
	secrets := []string{"guild-zebulon", "Zebulonia", "reason-zeb", "remote-zeb"}
	for i, name := range []string{"Former", "Zebulonia"} {
		apply(t, st, observed(ann, epoch.Add(time.Duration(i)), map[store.Field]string{
			store.FieldGivenName: name, store.NickField("guild-zebulon"): "nick" + name,
		}))
	}
	settle := func(verdict store.Verdict, x store.Settlement) {
		t.Helper()
		claims, _, err := st.Claim(t.Context(), "crm", 1, time.Minute)
		if err != nil || len(claims) != 1 || claims[0].Standing.Key != ann {
			t.Fatalf("claimed: %+v, %v", claims, err)
		}
		x.Key, x.Token, x.Version, x.Verdict = ann, claims[0].Standing.Token, claims[0].Standing.Version, verdict
		if err := st.Settle(t.Context(), "crm", []store.Settlement{x}); err != nil {
			t.Fatal(err)
		}
	}
	settle(store.VerdictDelivered, store.Settlement{Remote: "remote-zeb"})
	apply(t, st, observed(ann, epoch.Add(5), map[store.Field]string{store.NickField("guild-zebulon"): "nick"}))
	settle(store.VerdictRetry, store.Settlement{Reason: "reason-zeb"})
	files := folder(t, filepath.Dir(path))
	for _, secret := range secrets {
		if !holds(files, secret) {
			t.Fatalf("the test is blind: %q is in no file before it is forgotten", secret)
		}
	}
	if err := st.Forget(t.Context(), ann, true); err != nil {
		t.Fatal(err)
	}
	gone := func(secrets ...string) {
		t.Helper()
		files := folder(t, filepath.Dir(path))
		for _, secret := range secrets {
			if holds(files, secret) {
				t.Errorf("%q is still in a file", secret)
			}
		}
	}
	gone(secrets[:3]...)
	settle(store.VerdictErased, store.Settlement{}) // with the id that the backend gave
	if err := st.Forget(t.Context(), ann, true); err != nil {
		t.Fatal(err)
	}
	gone(secrets...)
	if s := standings(t, st, store.StandingFilter{Key: ann}); len(s) != 1 || s[0].State != store.StateErased {
		t.Errorf("after the erasure the standings are %+v", s)
	}
}
