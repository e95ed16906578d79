package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/adapters/discord/discordtest"
	tt "github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
	"github.com/rollcall-go/rollcall/store"
)

var firstNames = strings.Fields("Ann Boris Chen Dara Eli Fatma Goran Hana Ivo Jun Kofi Lena Mira Nils Olga Pia")

// A cast are the people of the story, as their platforms know them now. Telegram's
// are those who talk to the bot news, then those who talk to both bots, those who
// talk to shop, and two who come later.
type cast struct {
	telegram []tt.User
	discord  []discordtest.User
	now      time.Time // moves by a second an act, since Telegram counts seconds
}

func newCast(people int) *cast {
	c := &cast{now: time.Now().Truncate(time.Second)}
	for i := range people {
		name := firstNames[i%len(firstNames)]
		if i < people*3/4 {
			c.telegram = append(c.telegram, tt.User{
				ID: int64(1001 + i), FirstName: name, LastName: fmt.Sprint("T. ", i), Username: fmt.Sprint(strings.ToLower(name), i), LanguageCode: "en",
			})
			continue
		}
		c.discord = append(c.discord, discordtest.User{
			ID: fmt.Sprint(260000000000000000 + i), Username: fmt.Sprint(strings.ToLower(name), i), GlobalName: fmt.Sprint(name, " D. ", i),
		})
	}
	return c
}

// known is how many of Telegram's people are there from the beginning.
func (c *cast) known() int { return len(c.telegram) - 2 }

// news and shop say who talks to these bots; a third of them to both.
func (c *cast) news() (from, to int) { return 0, c.known() * 2 / 3 }
func (c *cast) shop() (from, to int) { return c.known() / 3, c.known() }

// rename gives one of Telegram's people another first name.
func (c *cast) rename(i int, first string) { c.telegram[i].FirstName = first }

// write is what the people from..to-1 write to a bot.
func (c *cast) write(from, to int, text string) (updates []tt.Update) {
	for _, u := range c.telegram[from:to] {
		updates = append(updates, tt.Message(u, tt.Private(u), text).At(c.now))
	}
	return updates
}

// press is that they press Start.
func (c *cast) press(from, to int) (updates []tt.Update) {
	for _, u := range c.telegram[from:to] {
		updates = append(updates, tt.Start(u, "").At(c.now))
	}
	return updates
}

// say is what Discord's people write to the bot directly.
func (c *cast) say(text string) (events []discordtest.Event) {
	for _, u := range c.discord {
		events = append(events, discordtest.Message(u, discordtest.DM, text).At(c.now))
	}
	return events
}

// names says who is to be known by which name, the first people of Telegram's and
// all of Discord's.
func (c *cast) names(telegram int) map[store.Key]string {
	names := make(map[store.Key]string)
	for _, u := range c.telegram[:telegram] {
		names[store.Key{Channel: "telegram", UserID: fmt.Sprint(u.ID)}] = u.FirstName + " " + u.LastName
	}
	for _, u := range c.discord {
		names[store.Key{Channel: "discord", UserID: u.ID}] = u.GlobalName
	}
	return names
}
