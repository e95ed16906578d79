package natsstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

var _ store.Outbox = (*Store)(nil)

// Options are the options of [New]. One of SyncAlways and MayLoseOnPowerCut has
// to be chosen; all others may stay zero.
type Options struct {
	// SyncAlways states that each server of the cluster runs with
	//
	//	jetstream { sync_interval: always }
	//
	// which no client can ask a server. Then what Apply has returned is on the
	// disk.
	SyncAlways bool
	// MayLoseOnPowerCut accepts the server's default in its place, which syncs
	// every two minutes: when the power fails, or the machines of a cluster stop
	// together, all that was saved since may be gone. New calls it once with a
	// warning that says so, for the bot's log, before it returns a Store; it does
	// not where SyncAlways is set too.
	MayLoseOnPowerCut func(warning string)

	// Bucket is the name of the key-value bucket: letters, digits, '-' and '_'.
	// "": "rollcall". Its stream is called "KV_" and that.
	Bucket string
	// Replicas is how many servers of the cluster keep the bucket: 1, 3 or 5.
	// 0: what it has, and 1 for a new one. Another number than it has changes
	// the bucket.
	Replicas int
}

// A Store is a [store.Outbox], a [store.Portable] and a [store.Expirer] in a
// JetStream key-value bucket. Its methods may be called from many goroutines and
// processes at once. Make one with [New].
type Store struct {
	nc     *nats.Conn
	name   string // of the stream
	prefix string // of all subjects
	api    string // prefix of requests to JetStream
	puts   string // prefix of what is published, see putPrefix
	closed atomic.Bool
	// floor is the highest sequence that this store knows to be committed. What
	// reads less than that reads the past.
	floor atomic.Uint64

	reads, writes, lists limit

	mu     sync.Mutex
	queues map[string]*queue // by the name of the backend
	behind time.Time         // since when every read was below the floor, see behindFloor
}

// New returns the Store in a bucket, which it makes where there is none. It
// borrows the connection of js, which has to stay open, and is not closed, for as
// long as the Store is used. ctx is for New alone.
//
// The error wraps store.ErrInvalid where the options cannot be right,
// [ErrSyncUnconfirmed] among them, and where somebody has set the bucket to lose people
// or to keep earlier revisions; [ErrForeign] where the bucket holds something
// else; [ErrNewerSchema] where a newer version of this package has written it;
// [ErrServer] where the server is older than 2.12; and store.ErrUnavailable where
// no server answers.
func New(ctx context.Context, js jetstream.JetStream, o *Options) (*Store, error) {
	if o == nil {
		o = new(Options)
	}
	bucket := o.Bucket
	if bucket == "" {
		bucket = "rollcall"
	}
	if err := o.validate(js, bucket); err != nil {
		return nil, fmt.Errorf("natsstore: %w", err)
	}
	api := apiPrefix(js.Options())
	s := &Store{
		nc: js.Conn(), name: "KV_" + bucket, prefix: "$KV." + bucket + ".", api: api, puts: putPrefix(api),
		reads:  limit{least: answerTime, most: mostAnswerTime},
		writes: limit{least: answerTime, most: mostAnswerTime},
		lists:  limit{least: listTime, most: mostListTime},
		queues: make(map[string]*queue),
	}
	if err := s.open(ctx, js, o.Replicas); err != nil {
		return nil, fmt.Errorf("natsstore: open bucket %q: %w", bucket, classify(ctx, err))
	}
	if !o.SyncAlways {
		o.MayLoseOnPowerCut(fmt.Sprintf("natsstore: bucket %q may lose what it has acknowledged when the power fails. "+
			"To be safe set jetstream { sync_interval: always } in nats-server.conf, and Options.SyncAlways.", bucket))
	}
	return s, nil
}

func (o *Options) validate(js jetstream.JetStream, bucket string) error {
	for _, c := range bucket {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("the name of a bucket may hold only letters, digits, '-' and '_': %w", store.ErrInvalid)
		}
	}
	switch {
	case js == nil:
		return fmt.Errorf("there is no JetStream: %w", store.ErrInvalid)
	case o.Replicas < 0 || o.Replicas > 5:
		return fmt.Errorf("Options.Replicas is not 1 to 5: %w", store.ErrInvalid)
	case !o.SyncAlways && o.MayLoseOnPowerCut == nil:
		return ErrSyncUnconfirmed
	}
	return nil
}

// apiPrefix returns what every request to JetStream begins with.
func apiPrefix(o jetstream.JetStreamOptions) string {
	switch {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	case o.APIPrefix == "":
		return jetstream.DefaultAPIPrefix
	case o.APIPrefix[len(o.APIPrefix)-1] != '.':
		return o.APIPrefix + "."
	}
	return o.APIPrefix
}

// putPrefix returns what a subject to write to begins with. Messages to a bucket of
// another domain, or of another account, take the way of the requests, as those of the
// client's own key-value buckets do: a leaf node lets no others through.
func putPrefix(api string) string {
	if api == jetstream.DefaultAPIPrefix {
		return ""
	}
	return api
}

// Close ends the use of the Store. It leaves the connection and the bucket as
// they are. Every later call of another method returns an error that wraps
// store.ErrClosed; a second Close returns nil.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}
