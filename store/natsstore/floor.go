package natsstore

import (
	"context"
	"time"
)

func (s *Store) raiseFloor(seq uint64) {
	for floor := s.floor.Load(); seq > floor && !s.floor.CompareAndSwap(floor, seq); floor = s.floor.Load() {
	}
}

// caughtUp is called when what was read is not the past.
func (s *Store) caughtUp(seq uint64) {
	s.raiseFloor(seq)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = time.Time{}
}

// behindFloor is called when what was read is the past. A follower lags for a moment.
// But where it stays so, and the leader has no more either, the bucket itself is not
// what it was: a server without SyncAlways came back after a power cut, or a backup was
// restored. Then what is there counts, and where that is nothing the bucket begins anew.
func (s *Store) behindFloor(ctx context.Context) {
	if !s.longBehind() {
		return
	}
	floor := s.floor.Load()
	var got listed
	if err := s.request(ctx, "STREAM.INFO", &s.reads, struct{}{}, &got); err == nil && got.State.LastSeq < floor {
		s.floor.CompareAndSwap(floor, got.State.LastSeq)
	}
	_ = s.writeRegistry(ctx) // the next attempt finds what came of it
}

func (s *Store) longBehind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind.IsZero() {
		s.behind = time.Now()
	}
	return time.Since(s.behind) > answerTime
}
