package prove_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/internal/processtest"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/sqlitestore"
)

func init() {
	// Forgets somebody and waits to be killed.
	children["forget"] = func(args []string) error {
		st, err := sqlitestore.Open(args[0])
		if err != nil {
			return err
		}
		mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{newRegister("crm"), newRegister("desk"), oblivious{newRegister("ledger")}}})
		if err != nil {
			return err
		}
		for id := range 50 {
			mw.Observe(observed(id, id))
		}
		mw.Observe(forgottenSender(0, zedName))
		ctx := context.Background()
		if err := errors.Join(mw.Flush(ctx), mw.Drain(ctx)); err != nil {
			return err
		}
		mw.Observe(forgottenSender(1, zedName+" again"))
		if err := mw.Forget(ctx, forgottenKey); err != nil {
			return err
		}
		fmt.Println("forgotten")
		time.Sleep(time.Minute)
		return errors.New("not killed")
	}
}

// Forget has returned, and the process is killed at once.
func TestForgottenAndKilled(t *testing.T) {
	t.Attr("promise", "forgotten, also when killed right after")
	kills := size(2, 10, 200)
	for range kills {
		dir := t.TempDir()
		path := filepath.Join(dir, "users.db")
		cmd := processtest.Command(t.Context(), t, "PROVE_CHILD=forget")
		cmd.Args = append(cmd.Args, path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if line != "forgotten\n" {
			t.Fatalf("the process said %q", line)
		}
		if _, found := occurrences(t, dir); len(found) > 0 {
			t.Errorf("the name is %s", found)
		}
		st := openFile(t, path)
		crm, desk, ledger := newRegister("crm"), newRegister("desk"), newRegister("ledger")
		mw, err := middleware.New(st, &middleware.Options{Backends: []store.Backend{crm, desk, oblivious{ledger}}})
		if err != nil {
			t.Fatal(err)
		}
		mw.Observe(forgottenSender(2, zedName+" once more"))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := errors.Join(mw.Flush(ctx), mw.Drain(ctx)); err != nil {
			t.Error(err)
		}
		wantForgotten(t, st, crm, desk, ledger)
		if len(crm.ever)+len(desk.ever)+len(ledger.ever) > 3*50 {
			t.Error("after the kill they were delivered again")
		}
		if err := errors.Join(mw.Close(ctx), st.Close()); err != nil {
			t.Error(err)
		}
		cancel()
		if _, found := occurrences(t, dir); len(found) > 0 {
			t.Errorf("at the end the name is %s", found)
		}
	}
	t.Attr("figure", fmt.Sprintf("%d kills, 0 bytes, all receipts", kills))
}
