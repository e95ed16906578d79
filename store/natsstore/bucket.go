package natsstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store"
)

const (
	schemaName = "rollcall-schema" // in the metadata of the stream
	schema     = 1
)

// open finds or makes the bucket.
func (s *Store) open(ctx context.Context, js jetstream.JetStream, replicas int) error {
	stream, err := js.Stream(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = s.create(ctx, js, replicas)
	}
	if err != nil {
		return checkReplicas(err)
	}
	cfg := stream.CachedInfo().Config
	if err := checkSchema(cfg.Metadata[schemaName]); err != nil {
		return err
	}
	if !cfg.AllowAtomicPublish {
		return ErrServer
	}
	if problem := loses(cfg); problem != "" {
		return fmt.Errorf("the stream %s %s: %w", s.name, problem, store.ErrInvalid)
	}
	if replicas != 0 && replicas != cfg.Replicas {
		cfg.Replicas = replicas
		if _, err = js.UpdateStream(ctx, cfg); err != nil {
			return checkReplicas(err)
		}
	}
	return s.makeRegistry(ctx)
}

func (s *Store) create(ctx context.Context, js jetstream.JetStream, replicas int) (jetstream.Stream, error) {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name:               s.name,
		Description:        "profiles kept by rollcall",
		Subjects:           []string{s.prefix + ">"},
		Storage:            jetstream.FileStorage,
		Replicas:           max(replicas, 1),
		MaxMsgsPerSubject:  1, // no earlier revision of a person
		MaxConsumers:       -1,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgSize:         -1,
		Discard:            jetstream.DiscardNew,
		AllowRollup:        true,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{schemaName: strconv.Itoa(schema)},
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
		return js.Stream(ctx, s.name)
	}
	return stream, err
}

// loses says what somebody has set by which people would get lost, or what they were
// called would stay, "" for nothing. A limit that refuses what is above it does not.
func loses(cfg jetstream.StreamConfig) string {
	switch {
	case cfg.MaxAge > 0:
		return "has a max_age, after which people are lost: set it to 0"
	case cfg.Discard != jetstream.DiscardNew && (cfg.MaxBytes > 0 || cfg.MaxMsgs > 0):
		return "has max_bytes or max_msgs and drops the oldest people: set discard to new"
	case cfg.MaxMsgsPerSubject != 1:
		return "keeps what people were before, also of who is forgotten: set max_msgs_per_subject to 1"
	}
	return ""
}

// codeNoCluster has no name in the package jetstream.
const codeNoCluster jetstream.ErrorCode = 10074

// checkReplicas tells a server that has no cluster from one that is away.
func checkReplicas(err error) error {
	if refusal, ok := errors.AsType[*jetstream.APIError](err); ok && refusal.ErrorCode == codeNoCluster {
		return fmt.Errorf("Options.Replicas is more than 1, and the server is in no cluster: %w", store.ErrInvalid)
	}
	return err
}

func checkSchema(written string) error {
	version, err := strconv.Atoi(written)
	switch {
	case err != nil || version < 1:
		return ErrForeign
	case version > schema:
		return fmt.Errorf("%w: its schema is %d, this version knows %d: update rollcall", ErrNewerSchema, version, schema)
	}
	return nil
}
