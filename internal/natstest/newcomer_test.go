package natstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/rollcall-go/rollcall/store"
)

// A process reads that there are no backends, and saves somebody new when another one
// has enrolled a backend and gone through everybody. Then it is killed. Nobody is left
// who knows of both, so the server must not have taken it.
func TestNewcomerOfAKilledWriterIsOwed(t *testing.T) {
	t.Parallel()
	n := single(t)
	for _, people := range []int{1, 3} {
		for _, enrols := range []bool{false, true} {
			t.Run(fmt.Sprintf("people=%d/enrolled=%t", people, enrols), func(t *testing.T) {
				bucket := fmt.Sprintf("killed-%d-%t", people, enrols)
				enroller := open(t, connect(t, n), bucket, 1)
				held, release := make(chan struct{}), make(chan struct{})
				var once sync.Once // a batch may come in several parts
				line := newDeafener(t, n, func() {
					once.Do(func() { close(held) })
					<-release
				})
				js, closeConn, err := dial(line.url())
				if err != nil {
					t.Fatal(err)
				}
				defer closeConn()
				writer := open(t, js, bucket, 1)
				line.set.Store(true)
				alive, kill := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() {
					_, err := writer.Apply(alive, anns(0, people))
					done <- err
				}()
				<-held
				if enrols {
					if err := enroller.Enroll(t.Context(), crm); err != nil {
						t.Error(err)
					}
				}
				line.Close() // there is no second try
				close(release)
				await(t, "the line is not cut in the place of the answer", func(context.Context) bool { return !js.Conn().IsConnected() })
				kill()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("the test is blind: Apply of a process that is killed returned %v", err)
				}
				kept := 0
				for p, err := range enroller.List(t.Context(), store.Filter{}) {
					if err != nil {
						t.Fatal(err)
					}
					kept++
					owed := 0
					for s, err := range enroller.Standings(t.Context(), store.StandingFilter{Key: p.Key, State: store.StateOwed}) {
						if err != nil {
							t.Fatal(err)
						}
						if s.All {
							owed++
						}
					}
					if enrols && owed != 1 {
						t.Errorf("%s is kept, and not owed to the backend", p.Key)
					}
				}
				if !enrols && kept != people {
					t.Errorf("the test is blind: %d of %d people are kept where no backend was enrolled", kept, people)
				}
			})
		}
	}
}
