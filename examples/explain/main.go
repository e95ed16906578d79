// Command explain says of raw events what rollcall would do with each, and why: what
// was extracted, what would change, whether that is saved, and what each backend
// would be sent. It shows lengths in the place of values, and calls nobody. It reads
// a copy of the people, in a temporary folder that is readable by its owner only, and
// removes it in the end: the file stays as it is, and a bot may run beside it.
//
//	go run ./examples/explain -db users.db events.jsonl
//	echo '{"update_id":1,"message":{...}}' | go run ./examples/explain
//
// Each line is a Telegram update, or a Discord gateway event as {"t":...,"d":...}.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/genauth"
	"github.com/rollcall-go/rollcall/store/backend/monosay"
	"github.com/rollcall-go/rollcall/store/backend/rocketchat"
	"github.com/rollcall-go/rollcall/store/memstore"
)

type options struct {
	db       string
	files    []string
	bot      bot
	everyone bool
}

func main() {
	var o options
	flag.StringVar(&o.db, "db", "", "the SQLite `file` that the people are kept in; none: nobody is known yet")
	flag.Int64Var(&o.bot.id, "id", 110201543, "the bot's Telegram `id`, by which replies to it are told")
	flag.StringVar(&o.bot.name, "username", "rollcall_bot", "the bot's Telegram `username`, by which mentions of it are told")
	flag.StringVar(&o.bot.snowflake, "discord-id", "1000000000000000001", "the bot's Discord user `id`")
	flag.BoolVar(&o.everyone, "everyone", false, "as with Scope Everyone")
	flag.Parse()
	o.files = flag.Args()
	// Whatever ends this early must not leave the copy behind: also a head that it is piped to.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := run(ctx, o, os.Stdin, os.Stdout)
	stopped := ctx.Err() != nil || errors.Is(err, syscall.EPIPE)
	stop()
	if err != nil {
		if !stopped {
			fmt.Fprintln(os.Stderr, "explain:", err)
		}
		os.Exit(1)
	}
}

// run returns when all is said, or ctx ends.
func run(ctx context.Context, o options, stdin io.Reader, stdout io.Writer) (err error) {
	st := store.Store(memstore.New())
	if o.db != "" {
		file, err := openCopy(ctx, o.db)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		st = file
	}
	said := make(chan error, 1)
	go func() { said <- explainAll(ctx, st, o, stdin, stdout) }()
	select {
	case err := <-said:
		return err
	case <-ctx.Done(): // which ends no read of stdin
		return ctx.Err()
	}
}

func explainAll(ctx context.Context, st store.Store, o options, stdin io.Reader, stdout io.Writer) error {
	backends, err := backends()
	if err != nil {
		return err
	}
	settings := &middleware.Options{Backends: backends}
	each := func(line []byte) error {
		somebody := false
		for s, err := range senders(line, o) {
			if err != nil {
				return err
			}
			somebody = true
			x, err := middleware.Explain(ctx, st, settings, &s)
			_, printed := fmt.Fprintln(stdout, x)
			if err := cmp.Or(err, printed); err != nil {
				return err
			}
		}
		if somebody {
			return nil
		}
		_, err := fmt.Fprint(stdout, "nobody: such an event says of no one that they acted, or only -everyone looks at it\n\n")
		return err
	}
	if len(o.files) == 0 {
		return eachLine(stdin, each)
	}
	for _, name := range o.files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(eachLine(file, each), file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

const maxLine = 16 << 20

func eachLine(r io.Reader, each func(line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		line := lines.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := each(line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d MiB", n, maxLine>>20)
	}
	return lines.Err()
}

// backends are asked what they have a place for, and never called.
func backends() ([]store.Backend, error) {
	m, err1 := monosay.New("unused", nil)
	g, err2 := genauth.New("unused", "unused", nil)
	r, err3 := rocketchat.New("unused", "unused", &rocketchat.Options{BaseURL: "https://chat.example.org"})
	return []store.Backend{m, g, r}, errors.Join(err1, err2, err3)
}
