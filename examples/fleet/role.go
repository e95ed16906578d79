package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// roleVariable holds the role of a process that was started by another of this
// program, as JSON.
const roleVariable = "ROLLCALL_FLEET_ROLE"

// A role is what one process does. Name tells them apart; of the rest a bot on
// Telegram has the second line, and the deliverer the third.
type role struct {
	Name, Kind             string
	TelegramURL, Token     string
	MonosayURL, WebhookURL string
	Store                  storeOptions
}

// The kinds.
const (
	kindTelegram  = "telegram"
	kindDiscord   = "discord"
	kindDeliverer = "deliverer"
)

// perform plays a role until standard input ends, which is when the parent process
// says so or is gone, and returns the exit code.
func perform(text string) int {
	signal.Ignore(os.Interrupt) // Ctrl-C reaches all processes; the parent ends the others
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		err = r.play(context.Background(), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, r.Name+":", err)
		return 1
	}
	return 0
}

func (r role) play(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	st, closeStore, err := r.Store.open(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	o := r.options(stdout)
	switch r.Kind {
	case kindTelegram:
		return r.playTelegram(st, o, stdin)
	case kindDiscord:
		return r.playDiscord(ctx, st, o, stdin)
	case kindDeliverer:
		return r.playDeliverer(ctx, st, o, stdin)
	default:
		return errors.New("no such role")
	}
}

// options are those of all processes: they report to the parent.
func (r role) options(stdout io.Writer) *middleware.Options {
	reports := json.NewEncoder(stdout)
	return &middleware.Options{
		Logger: zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(os.Stderr), zap.WarnLevel)).
			Named(r.Name),
		OnOutcome: func(_ context.Context, o middleware.Outcome) { _ = reports.Encode(reportOutcome(o)) },
		OnRetry:   func(_ context.Context, again middleware.Retry) { _ = reports.Encode(reportRetry(again)) },
	}
}

// untilEnd returns when r ends.
func untilEnd(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

func (r role) playDeliverer(ctx context.Context, st store.Store, o *middleware.Options, stdin io.Reader) error {
	backends, err := r.backends()
	if err != nil {
		return err
	}
	o.Backends = backends
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		untilEnd(stdin)
		cancel()
	}()
	return middleware.Deliver(ctx, st, o)
}
