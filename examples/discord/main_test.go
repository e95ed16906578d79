//go:build unix

package main

import (
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

// The bot as it is, from main to Ctrl-C.
func TestBotGreetsTellsAndSaves(t *testing.T) {
	defer goleak.VerifyNone(t)
	srv, err := discordtest.NewServer(&discordtest.Options{Token: "Bot secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	live := http.DefaultTransport
	http.DefaultTransport = srv.Session().Client.Transport // the bot's way to Discord
	defer func() { http.DefaultTransport = live }()
	t.Chdir(t.TempDir())
	t.Setenv("DISCORD_TOKEN", "secret")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		main()
	}()

	ann := discordtest.User{ID: "80351110224678912", Username: "ann", GlobalName: "Ann"}
	hello := discordtest.Message(ann, discordtest.DM, "hello")
	for srv.Dispatch(hello) != nil { // until the session is there
		time.Sleep(time.Millisecond)
	}
	sent, err := srv.WaitSent(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, s := range sent {
		if s.ChannelID != discordtest.DMChannel(ann.ID) {
			t.Errorf("sent to channel %s", s.ChannelID)
		}
		texts = append(texts, s.Text)
	}
	slices.Sort(texts)
	if want := []string{"Hello, Ann!", "I added/updated your information."}; !slices.Equal(texts, want) {
		t.Errorf("sent %q, want %q", texts, want)
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
	r, err := st.Get(t.Context(), store.Key{Channel: "discord", UserID: ann.ID})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Profile(); p.Name != "Ann" || p.Username != "ann" {
		t.Errorf("saved %+v", r)
	}
}
