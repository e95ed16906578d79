package natstest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

// putAhead writes empty messages to n subjects, as a process does that is killed before
// it writes whom they are about.
func putAhead(t *testing.T, js jetstream.JetStream, n int, subject func(i int) string) {
	t.Helper()
	const size = 1000 // that the server takes at once
	for from := 0; from < n; from += size {
		last := min(n, from+size) - 1
		for i := from; i <= last; i++ {
			msg := nats.NewMsg(subject(i))
			msg.Header.Set("Nats-Batch-Id", fmt.Sprint("ahead-", from))
			msg.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i-from+1))
			var err error
			if i < last {
				err = js.Conn().PublishMsg(msg)
			} else {
				msg.Header.Set("Nats-Batch-Commit", "1")
				_, err = js.PublishMsg(t.Context(), msg)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Who is owed is found behind all places that were left; with -people 100001 these are
// more than one list holds.
func TestOwedBehindManyStrays(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "strays", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("$KV.strays.o.%s.1.0.%012x%08x.%s", hex.EncodeToString([]byte(crm)), time.Now().Add(-time.Hour).UnixMilli(), 1, hex.EncodeToString([]byte("telegram")))
	putAhead(t, js, *people, func(i int) string { return root + hexTokens(strconv.Itoa(200000+i)) })
	if _, err := st.Apply(t.Context(), anns(0, 1)); err != nil {
		t.Fatal(err)
	}
	owed(t, st, store.Backlog{Owed: *people + 1})
	claimSome(t, st, 1)
}

// A dead letter that was replayed by a process which was then killed counts until the
// next Replay.
func TestReplayRemovesStrays(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "dead", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("$KV.dead.o.%s.1.2.%012x%08x.%s", hex.EncodeToString([]byte(crm)), time.Now().Add(-time.Hour).UnixMilli(), 1, hex.EncodeToString([]byte("telegram")))
	putAhead(t, js, 3, func(i int) string { return root + hexTokens(strconv.Itoa(200000+i)) })
	owed(t, st, store.Backlog{Dead: 3})
	if n, err := st.Replay(t.Context(), crm, store.Key{}); n != 0 || err != nil {
		t.Errorf("%d dead letters are replayed, %v; there are none", n, err)
	}
	awaitOwed(t, st, store.Backlog{})
}

// What goes ahead of a batch is removed where the batch is refused, since somebody else
// has written one of the people meanwhile.
func TestPlacesOfARefusedBatch(t *testing.T) {
	t.Parallel()
	n := single(t)
	direct := connect(t, n)
	other := open(t, direct, "refused", 1)
	for _, name := range []string{crm, "a", "b"} {
		if err := other.Enroll(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	purges, err := direct.Conn().SubscribeSync("$JS.API.STREAM.PURGE.KV_refused")
	if err != nil {
		t.Fatal(err)
	}
	if err := direct.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	js, closeConn, err := dial(newDeafener(t, n, func() {
		once.Do(func() {
			if _, err := other.Apply(t.Context(), anns(0, 1)); err != nil {
				t.Error(err)
			}
		})
	}).url())
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	changes, err := open(t, js, "refused", 1).Apply(t.Context(), anns(0, 600))
	if err != nil {
		t.Fatal(err)
	}
	if changes[0].Created || !changes[1].Created {
		t.Error("the test is blind: nobody else has written one of the people")
	}
	there := subjects(t, direct, "refused")
	removed := 0
	for {
		m, err := purges.NextMsg(100 * time.Millisecond) // all of them came before the subjects
		if err != nil {
			break
		}
		var asked struct {
			Filter string `json:"filter"`
		}
		if err := json.Unmarshal(m.Data, &asked); err != nil {
			t.Fatal(err)
		}
		group, whole := strings.CutSuffix(asked.Filter, ">")
		if !whole {
			continue
		}
		removed++
		for subject := range there {
			if strings.HasPrefix(subject, group) {
				t.Errorf("%s is there, and was removed", subject)
			}
		}
	}
	if removed < 2 { // of three backends, of which one may have gone with the batch
		t.Errorf("the places that went ahead for %d backends were removed", removed)
	}
}

// What stays of somebody who is gone when the server goes away in the middle is removed
// by whatever comes to them next.
func TestEmptyEntryIsRemoved(t *testing.T) {
	t.Parallel()
	js := connect(t, single(t))
	st := open(t, js, "empty", 1)
	if err := st.Enroll(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	entry := "$KV.empty.p." + hex.EncodeToString([]byte("telegram")) + hexTokens(person(0).UserID)
	putAhead(t, js, 1, func(int) string { return entry })
	if !subjects(t, js, "empty")[entry] {
		t.Error("the test is blind: the entry is not there")
	}
	if err := st.Settle(t.Context(), crm, []store.Settlement{{Key: person(0), Token: 1}}); err != nil {
		t.Fatal(err)
	}
	if subjects(t, js, "empty")[entry] {
		t.Error("the key of somebody who is gone is in the bucket")
	}
}
