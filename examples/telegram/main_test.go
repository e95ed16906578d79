//go:build unix

package main

import (
	"slices"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The bot as it is, from main to Ctrl-C.
func TestBotWelcomesTellsAndSaves(t *testing.T) {
	srv, err := telegramtest.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	t.Chdir(t.TempDir())
	t.Setenv("TELEGRAM_API_URL", srv.URL())
	t.Setenv("TELEGRAM_TOKEN", srv.Token())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		main()
	}()

	ann := telegramtest.User{ID: 42, FirstName: "Ann"}
	if err := srv.Push(telegramtest.Start(ann, "spring")); err != nil {
		t.Fatal(err)
	}
	calls, err := srv.WaitSent(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, c := range calls {
		if c.ChatID() != 42 {
			t.Errorf("sent to chat %d", c.ChatID())
		}
		texts = append(texts, c.Text())
	}
	slices.Sort(texts)
	if want := []string{"I added/updated your information.", "Welcome, Ann!"}; !slices.Equal(texts, want) {
		t.Errorf("sent %q, want %q", texts, want)
	}
	if err := srv.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Ends the poll that waits for updates; telebot does not on Stop.
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-ended

	st, err := sqlitestore.Open("users.db")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	r, err := st.Get(t.Context(), store.Key{Channel: "telegram", UserID: "42"})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Profile(); p.GivenName != "Ann" || p.StartPayload != "spring" {
		t.Errorf("saved %+v", r)
	}
}
