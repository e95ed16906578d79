// Command quickstart shows rollcall at work, without a token, a server or a
// network: a real telebot.v3 bot and a real discordgo session, connected to
// loopback servers that play a day of updates, keep everyone who talks to them
// in users.db. It prints what becomes of each event, then the table of people.
//
//	go run ./examples/quickstart            the scripted day; run it twice
//	go run ./examples/quickstart -backends  the same, kept in step at three other systems
//	go run ./examples/quickstart -json      the profiles as JSON lines
//	go run ./examples/quickstart -h         all flags
//
// With -updates or -events it plays your own updates instead. With
// TELEGRAM_TOKEN or DISCORD_TOKEN set it serves the live platforms until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

type options struct {
	db       string
	updates  string
	events   string
	json     bool
	everyone bool
	webhook  bool
	backends bool

	telegramToken string
	discordToken  string
}

func main() {
	o := options{telegramToken: os.Getenv("TELEGRAM_TOKEN"), discordToken: os.Getenv("DISCORD_TOKEN")}
	flag.StringVar(&o.db, "db", "users.db", "the SQLite `file` to keep the people in")
	flag.StringVar(&o.updates, "updates", "", "play this `file` of Telegram updates, one JSON object a line, instead of the script;\nthe bot is @rollcall_bot, id 110201543")
	flag.StringVar(&o.events, "events", "", "play this `file` of Discord gateway events, one {\"t\":...,\"d\":...} a line, instead of the script;\nthe bot is user 1000000000000000001, or who a READY in the file says")
	flag.BoolVar(&o.json, "json", false, "print the final profiles to stdout as JSON lines, and all else to stderr")
	flag.BoolVar(&o.everyone, "everyone", false, "keep everyone whom the bots see acting, not only those who talk to them")
	flag.BoolVar(&o.webhook, "webhook", false, "take the Telegram updates of the loopback server by webhook instead of polling; not with TELEGRAM_TOKEN")
	flag.BoolVar(&o.backends, "backends", false, "bring everybody to doubles of Monosay, GenAuth and Rocket.Chat too")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "quickstart: what is %q? Files are given with -updates and -events.\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout, os.Stderr)
	stopped := ctx.Err() != nil
	stop()
	if err != nil && (!stopped || !errors.Is(err, context.Canceled)) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run does all of it. With -json only the profiles go to stdout.
func run(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	stderr = &oneByOne{w: stderr}
	story := io.Writer(&oneByOne{w: stdout})
	if o.json {
		story = stderr
	}
	st, err := sqlitestore.Open(o.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()

	var ms mirrors
	if o.backends {
		if ms, err = startMirrors(); err != nil {
			return err
		}
		defer ms.close()
	}
	before, err := pastOf(ctx, st)
	if err != nil {
		return err
	}
	mw, err := middleware.New(st, &middleware.Options{
		Logger:    logger(stderr),
		Backends:  ms.backends(),
		OnOutcome: func(_ context.Context, out middleware.Outcome) { printOutcome(story, out) },
		OnRetry:   func(_ context.Context, r middleware.Retry) { printRetry(story, r) },
	})
	if err != nil {
		return err
	}
	played := ms.fill(ctx, mw, before, story)
	if played == nil {
		played = play(ctx, o, mw, ms, before, story)
	}

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := errors.Join(played, mw.Close(closing)); err != nil {
		return err
	}
	if o.json {
		return printJSON(closing, stdout, st)
	}
	if err := printPeople(closing, story, st, o.db); err != nil {
		return err
	}
	ms.print(story)
	return nil
}

// play brings the bots up and feeds them, or lets the live platforms do so.
func play(ctx context.Context, o options, mw *middleware.Middleware, ms mirrors, before past, story io.Writer) error {
	live := o.telegramToken != "" || o.discordToken != ""
	switch {
	case o.updates != "" || o.events != "":
		if live {
			return errors.New("-updates and -events play files, TELEGRAM_TOKEN and DISCORD_TOKEN serve the live platforms: leave out one or the other")
		}
		return playFiles(ctx, o, mw, ms, story)
	case o.webhook && o.telegramToken != "":
		return errors.New("-webhook is for the loopback server only, and TELEGRAM_TOKEN serves the live platform: leave out one or the other")
	case live:
		return playLive(ctx, o, mw, story)
	default:
		return playScript(ctx, o, mw, ms, before, story)
	}
}

func logger(w io.Writer) *zap.Logger {
	encoder := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(w), zap.WarnLevel))
}
