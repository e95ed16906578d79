package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// oneByOne lets the hooks tell of retries while the story goes on.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

func printOutcome(w io.Writer, o middleware.Outcome) {
	who := "(nobody)"
	if !o.Key.IsZero() {
		who = o.Key.String()
	}
	detail := ""
	switch o.Result {
	case middleware.Created:
		detail = o.Profile.DisplayName()
	case middleware.Updated, middleware.Delivered:
		detail = list(o.Fields)
	case middleware.Dropped:
		detail = string(o.Reason)
	case middleware.Failed:
		detail = o.Err.Error()
	}
	event := o.Event
	if o.Target != middleware.TargetStore {
		event = "  -> " + o.Target
	}
	tell(w, event, who, string(o.Result), detail)
}

func printRetry(w io.Writer, r middleware.Retry) {
	tell(w, "  -> "+r.Target, r.Key.String(), "retry", fmt.Sprintf("%v, again in %v", r.Err, r.After.Round(10*time.Millisecond)))
}

func tell(w io.Writer, event, who, result, detail string) {
	line := fmt.Sprintf("    %-20s %-30s %-10s %s", event, who, result, detail)
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

func list(fields []store.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

func printPeople(ctx context.Context, w io.Writer, st store.Store, db string) error {
	fmt.Fprintf(w, "\nEveryone in %s:\n\n", db)
	t := table{{"channelUserId", "name", "username", "locale", "status", "start", "nicks", "first seen", "last seen"}}
	for p, err := range st.List(ctx, store.Filter{}) {
		if err != nil {
			return err
		}
		t = append(t, []string{
			p.Key.String(), p.DisplayName(), p.Username, p.Locale, string(p.Status), p.StartPayload,
			nicks(p.Nicks), p.FirstSeen.Format("2006-01-02 15:04"), p.LastSeen.Format("2006-01-02 15:04"),
		})
	}
	t.print(w)
	_, err := fmt.Fprintf(w, "\n%d in all. Look with: sqlite3 %s 'SELECT channel, user_id, name, username, status FROM profiles'\n", len(t)-1, db)
	return err
}

func nicks(byGuild map[string]string) string {
	var all []string
	for _, guild := range sortedKeys(byGuild) {
		all = append(all, byGuild[guild])
	}
	return strings.Join(all, ", ")
}

// printJSON prints the profiles as JSON lines, with the names that the fields of
// store.Profile have in JSON.
func printJSON(ctx context.Context, w io.Writer, st store.Store) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for p, err := range st.List(ctx, store.Filter{}) {
		if err != nil {
			return err
		}
		if err := enc.Encode(p); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
