package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	tt "github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// The processes.
const (
	news      = "news_bot"
	shop      = "shop_bot"
	guild     = "guild_bot"
	deliverer = "deliverer"
)

// A fleet is the processes, as the parent sees them, and what outlives them: the
// store, the platforms and the two systems.
type fleet struct {
	store    store.Outbox
	telegram map[string]*tt.Server // by process
	mirrors  *mirrors
	roles    map[string]role
	running  map[string]*process
	stderr   io.Writer

	mu       sync.Mutex // for what follows
	story    io.Writer
	creators map[store.Key][]string // which processes reported the person as Created
	reported map[string]int         // how many observations each process told the end of
}

// run tells the whole story.
func run(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, closeStore, err := o.store.open(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	f := &fleet{
		store: st, telegram: make(map[string]*tt.Server), mirrors: startMirrors(), roles: make(map[string]role), running: make(map[string]*process),
		story: stdout, stderr: &oneByOne{w: stderr}, creators: make(map[store.Key][]string), reported: make(map[string]int),
	}
	defer f.mirrors.close()
	for i, name := range []string{news, shop} {
		srv, err := tt.NewServer(&tt.Options{Me: tt.User{ID: int64(110201543 + i), IsBot: true, FirstName: name, Username: name}})
		if err != nil {
			return err
		}
		defer srv.Close()
		f.telegram[name] = srv
		f.roles[name] = role{Name: name, Kind: kindTelegram, TelegramURL: srv.URL(), Token: srv.Token(), Store: o.store}
	}
	f.roles[guild] = role{Name: guild, Kind: kindDiscord, Store: o.store}
	f.roles[deliverer] = role{
		Name: deliverer, Kind: kindDeliverer, MonosayURL: f.mirrors.monosayServer.URL, WebhookURL: f.mirrors.webhookServer.URL, Store: o.store,
	}
	defer func() { err = errors.Join(err, f.end()) }()

	c := newCast(o.people)
	if err := f.play(ctx, c); err != nil {
		return err
	}
	if err := f.end(); err != nil { // so that all of them have told all
		return err
	}
	return f.print(ctx, stdout, c, o.store)
}

// oneByOne lets several processes write to one place.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

func (f *fleet) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.story, format+"\n", args...)
}

// tell prints what a process reports.
func (f *fleet) tell(r report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintln(f.story, r)
	if r.Target != middleware.TargetStore {
		return
	}
	f.reported[r.Process]++
	if r.Result == string(middleware.Created) {
		f.creators[r.Key] = append(f.creators[r.Key], r.Process)
	}
}

func (f *fleet) start(ctx context.Context, names ...string) error {
	for _, name := range names {
		p, err := f.roles[name].start(ctx, f.stderr, f.tell)
		if err != nil {
			return err
		}
		f.running[name] = p
		f.say("    %-10s is process %d", name, p.cmd.Process.Pid)
	}
	return nil
}

// kill ends a process without warning.
func (f *fleet) kill(name string) error {
	p := f.running[name]
	delete(f.running, name)
	f.say("    %-10s kill -9 %d", name, p.cmd.Process.Pid)
	return p.kill()
}

// end ends all processes that run.
func (f *fleet) end() (err error) {
	for _, name := range slices.Sorted(maps.Keys(f.running)) {
		err = errors.Join(err, f.running[name].end())
	}
	clear(f.running)
	return err
}

// push hands events to the Discord bot.
func (f *fleet) push(events []discordtest.Event) error {
	lines := json.NewEncoder(f.running[guild].stdin)
	for _, e := range events {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

func pushUpdates(srv *tt.Server, updates []tt.Update) error {
	for _, u := range updates {
		if err := srv.Push(u); err != nil {
			return err
		}
	}
	return nil
}

// await asks done again and again until it is true.
func (f *fleet) await(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		for name, p := range f.running {
			select {
			case <-p.ended:
				return fmt.Errorf("%s ended by itself: %w", name, p.err)
			default:
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

// saved waits until the store has all these people by these names.
func (f *fleet) saved(ctx context.Context, names map[store.Key]string) error {
	return f.await(ctx, "not everybody is saved", func() (bool, error) {
		for key, name := range names {
			record, err := f.store.Get(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				return false, nil
			}
			if p := record.Profile(); err != nil || p.DisplayName() != name {
				return false, err
			}
		}
		return true, nil
	})
}

// settled waits until the store and both systems have these people by these names,
// and nothing is owed any more. That it looks twice gives the reports time to come.
func (f *fleet) settled(ctx context.Context, names map[store.Key]string) error {
	if err := f.saved(ctx, names); err != nil {
		return err
	}
	times := 0
	return f.await(ctx, "not everybody is delivered", func() (bool, error) {
		owed, err := f.owed(ctx)
		if err != nil {
			return false, err
		}
		times++
		for _, backend := range mirrorNames {
			for key, name := range names {
				if f.mirrors.hold(backend, key) != name {
					times = 0
				}
			}
			if n, enrolled := owed[backend]; n > 0 || !enrolled {
				times = 0
			}
		}
		return times == 2, nil
	})
}

// owed is how many people are owed to each backend that is enrolled.
func (f *fleet) owed(ctx context.Context) (map[string]int, error) {
	backlogs, err := f.store.Backlogs(ctx)
	owed := make(map[string]int)
	for _, b := range backlogs {
		if b.Complete || b.Owed > 0 {
			owed[b.Backend] = b.Owed
		}
	}
	return owed, err
}
