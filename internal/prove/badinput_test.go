package prove_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rollcall-go/rollcall/internal/hostile"
	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/memstore"
)

// A nuisance is a backend whose errors are hostile texts.
type nuisance struct{ *register }

func (n nuisance) Deliver(_ context.Context, d store.Delivery) (store.Receipt, error) {
	text := hostile.Texts[int(d.Version)%len(hostile.Texts)]
	err := errors.New("\r\n\x1b[31mERROR forged entry\u2028" + text)
	if d.Attempt > 2 {
		return store.Receipt{Remote: text}, fmt.Errorf("%w: %w", err, store.ErrInvalid)
	}
	return store.Receipt{Remote: text}, err
}

// Whatever people are called and backends say, one event is one line of the log, in
// both of zap's encodings, and has nothing in it that a terminal obeys.
func TestLogsCannotBeForged(t *testing.T) {
	t.Attr("promise", "one event of the log is one line, whatever people and backends say")
	of := zap.NewProductionEncoderConfig()
	lines := 0
	for name, encoder := range map[string]zapcore.Encoder{"JSON": zapcore.NewJSONEncoder(of), "console": zapcore.NewConsoleEncoder(of)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var out bytes.Buffer
				entries := 0
				log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(writing(func(b []byte) {
					mu.Lock()
					defer mu.Unlock()
					out.Write(b)
				})), zapcore.DebugLevel), zap.Hooks(func(zapcore.Entry) error {
					mu.Lock()
					defer mu.Unlock()
					entries++
					return nil
				}))
				mw, err := middleware.New(memstore.New(), &middleware.Options{Logger: log, Backends: []store.Backend{nuisance{newRegister("crm")}}, Attempts: 1})
				if err != nil {
					t.Fatal(err)
				}
				for round := range 3 {
					for i, text := range hostile.Texts {
						s := observed(i, round)
						s.UserID, s.NumericID = text, 0
						if store.Key(hostile.Key{Channel: "custom", UserID: text}).Validate() != nil {
							s.UserID = fmt.Sprint(i)
						}
						s.Channel = "custom"
						for _, f := range store.Fields() {
							s.Set(f, text)
						}
						s.Set(store.NickField("7"), text)
						s.Set(store.CustomKey("tier"), text)
						mw.Observe(s)
					}
					time.Sleep(time.Hour)
				}
				if err := mw.Close(t.Context()); err != nil {
					t.Error(err)
				}
				got := strings.TrimSuffix(out.String(), "\n")
				n := 0
				for line := range strings.SplitSeq(got, "\n") {
					n++
					if name == "JSON" && !json.Valid([]byte(line)) {
						t.Errorf("no JSON: %q", line)
					}
					if i := strings.IndexFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }); i >= 0 {
						t.Errorf("control character in %q", line)
						return
					}
				}
				if n != entries || n < 100 {
					t.Errorf("%d lines for %d entries", n, entries)
				}
				lines += n
			})
		})
	}
	t.Attr("figure", fmt.Sprintf("%d entries, %d lines", lines, lines))
}

// What somebody sends costs memory in proportion to what is kept of it.
func TestHugeNamesCostLittle(t *testing.T) {
	t.Attr("promise", "a 10 MB name costs a few kB")
	const bound = 64 << 10
	mw, _ := allHung(t)
	most := uint64(0)
	for _, unit := range []string{"W", "é", "\u202e", "\xff", "a\u0301\u0301\u0301\u0301\u0301", "👨‍👩‍👧‍👦", "\x00"} {
		huge := strings.Repeat(unit, 10<<20/len(unit))
		for id, f := range []store.Field{store.FieldGivenName, store.FieldUsername, store.FieldBio, store.NickField("7"), store.FieldEmail, store.FieldPicture, store.CustomKey("tier")} {
			s := observed(100+id, len(unit))
			s.Set(f, huge)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			mw.Observe(s)
			runtime.ReadMemStats(&after)
			took := after.TotalAlloc - before.TotalAlloc
			if most = max(most, took); took > bound {
				t.Errorf("%q in %s: one Observe allocates %d kB", unit, f, took>>10)
			}
		}
	}
	t.Attr("figure", fmt.Sprintf("%d kB at the most, 49 names", most>>10))
}
