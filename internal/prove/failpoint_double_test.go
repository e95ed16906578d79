package prove_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A crmDouble is a backend that keeps what it was sent, by user id. journal may be nil.
type crmDouble struct {
	name    string
	journal io.Writer // gets each call, in one write

	mu     sync.Mutex
	people map[string]map[store.Field]string
}

// A crmEntry is one call in a journal.
type crmEntry struct {
	User   string
	Fields map[store.Field]string // "" is cleared
	Erase  bool
}

func newCRMDouble(name string, journal io.Writer) *crmDouble {
	return &crmDouble{name: name, journal: journal, people: make(map[string]map[store.Field]string)}
}

func (d *crmDouble) Name() string { return d.name }

func (d *crmDouble) Traits() store.Traits { return store.Traits{Timeout: time.Second} }

func (d *crmDouble) Deliver(_ context.Context, x store.Delivery) (store.Receipt, error) {
	e := crmEntry{User: x.Profile.UserID, Fields: make(map[store.Field]string)}
	for _, f := range x.Fields {
		e.Fields[f] = x.Profile.Value(f)
	}
	return store.Receipt{Remote: "r" + e.User}, d.take(e)
}

func (d *crmDouble) Erase(_ context.Context, key store.Key, _ string) error {
	return d.take(crmEntry{User: key.UserID, Erase: true})
}

func (d *crmDouble) take(e crmEntry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.journal != nil {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := d.journal.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if e.Erase {
		delete(d.people, e.User)
		return nil
	}
	person := d.people[e.User]
	if person == nil {
		person = make(map[store.Field]string)
		d.people[e.User] = person
	}
	maps.Copy(person, e.Fields)
	return nil
}

// replay makes of a journal what the double was that wrote it.
func (d *crmDouble) replay(journal []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(journal))
	for lines.Scan() {
		var e crmEntry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		if err := d.take(e); err != nil {
			return err
		}
	}
	return lines.Err()
}
