package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/rollcall-go/rollcall/store"
)

// print shows who is where in the end, and fails if anybody is missing.
func (f *fleet) print(ctx context.Context, w io.Writer, c *cast, where storeOptions) error {
	fmt.Fprintf(w, "\nEveryone in %s:\n\n", where)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "channelUserId\tname\tusername\tcreated by\tin Monosay\tat the webhook")
	people, created, doubled := 0, 0, 0
	lost := c.names(len(c.telegram))
	for p, err := range f.store.List(ctx, store.Filter{}) {
		if err != nil {
			return err
		}
		people++
		creators := f.creators[p.Key]
		created += min(1, len(creators))
		doubled += max(0, len(creators)-1)
		atMonosay, atWebhook := f.mirrors.hold("monosay", p.Key), f.mirrors.hold("webhook", p.Key)
		if name := p.DisplayName(); lost[p.Key] == name && atMonosay == name && atWebhook == name {
			delete(lost, p.Key)
		}
		by := "an earlier run"
		if len(creators) > 0 {
			by = strings.Join(creators, " and ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Key, p.DisplayName(), p.Username, by, atMonosay, atWebhook)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	owed, err := f.owed(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d in all, %d created by this run, %d of them twice. Owed: %d to Monosay, %d to the webhook. Killed: 2 processes. Lost: %d people.\n",
		people, created, doubled, owed["monosay"], owed["webhook"], len(lost))
	if len(lost) > 0 {
		return errors.New("somebody was lost")
	}
	return nil
}
