package discord

import (
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// An act is what an event of any kind says of who did something.
type act struct {
	event  string
	at     time.Time // zero where the event does not say
	drop   middleware.Reason
	user   user
	place  place
	nick   said
	locale said
	status store.Status // "" where the event does not tell that the person acted
	// Where an answer can go: to a channel, or to an interaction of an app.
	channel, app, token string
}

// identify says who acted and when, which is all that [middleware.Middleware.Known]
// has to be told.
func (a *act) identify(s *middleware.Sender) {
	s.Channel = Channel
	s.NumericID = a.user.id
	s.Event = a.event
	s.At = a.at
	s.Drop = a.drop
}

// print stands for all that tell states, so it has to name whatever that reads.
func (a *act) print(o *Options) middleware.Print {
	said := middleware.Print(1)
	for i, ok := range [...]bool{a.user.globalName.ok, a.user.avatar.ok, a.locale.ok} {
		if ok {
			said |= 2 << i
		}
	}
	p := said.Text(a.user.username.value).Text(a.user.globalName.value).Text(a.user.avatar.value).
		Text(a.locale.value).Text(string(a.status))
	if a.nicked(o) {
		p = p.Text(a.place.guild).Text(a.nick.value)
	}
	return p
}

// tell says the rest.
func (a *act) tell(s *middleware.Sender, o *Options) {
	if c := a.chat(); c != nil {
		s.Chat = c
	}
	a.user.describe(s)
	if a.nicked(o) {
		s.Set(store.NickField(a.place.guild), a.nick.value)
	}
	state(s, store.FieldLocale, a.locale)
	if a.status != "" {
		s.Set(store.FieldStatus, string(a.status))
	}
}

// chat returns where an answer goes, nil where it can go nowhere. It outlives the event.
func (a *act) chat() *chat {
	if id, ok := parseID(a.channel); ok {
		return &chat{channel: id}
	}
	if id, ok := parseID(a.app); ok && a.token != "" {
		return &chat{app: id, token: strings.Clone(a.token)}
	}
	return nil
}

func (a *act) nicked(o *Options) bool { return o.Nicks && a.nick.ok && isID(a.place.guild) }

func (a *act) sender(o *Options) (s middleware.Sender) {
	a.identify(&s)
	a.tell(&s, o)
	return s
}

func state(s *middleware.Sender, f store.Field, v said) {
	if v.ok {
		s.Set(f, v.value)
	}
}
