// Package natsstore keeps profiles in a bucket of NATS JetStream. It is for bots
// that run as several processes on several machines and have a NATS server, or a
// cluster of three, already.
//
//	nc, err := nats.Connect("nats://10.0.0.5", nats.MaxReconnects(-1))
//	...
//	js, err := jetstream.New(nc)
//	...
//	st, err := natsstore.New(ctx, js, &natsstore.Options{SyncAlways: true, Replicas: 3})
//	...
//	mw, err := middleware.New(st, nil)
//
// New borrows the connection: close it after Middleware.Close. With
// nats.MaxReconnects(-1) the client never gives up on its servers, which a bot
// wants; its default is to do so after two minutes.
//
// # What the server must be
//
// nats-server 2.12 or later, with file storage, and in nats-server.conf
//
//	jetstream { store_dir: /var/lib/nats, sync_interval: always }
//
// The default is to sync every two minutes: what was acknowledged since is lost
// when the power fails, also in a cluster whose machines fail together. The server
// tells that setting to its monitoring port and its system account, and not to a
// bot's, so somebody has to state it: New returns [ErrSyncUnconfirmed] until
// Options.SyncAlways says that it is there, or Options.MayLoseOnPowerCut that it
// need not be. The latter is a function, which each New gives a warning for the log:
//
//	MayLoseOnPowerCut: func(warning string) { logger.Warn(warning) },
//
// The user of the connection needs to publish to $KV.<bucket>.> and
// $JS.API.{INFO,STREAM.*.KV_<bucket>,STREAM.MSG.GET.KV_<bucket>,DIRECT.GET.KV_<bucket>}
// and to subscribe to its inbox. Where js was made for a domain or with an API prefix,
// all of this is below that, also what is published to the bucket.
//
// # What is in the bucket
//
// One entry a person holds all that is kept of them: the [store.Record], the
// tombstone, and how they stand with each backend. So a profile and what is owed
// of it are written in one message, at the revision that was read or not at all;
// where another process was faster, it is read and merged again. The writes of one
// Apply are an atomic batch (ADR-50), so that all of them happen or none, with up
// to 999 people. The revisions before are not kept.
//
// Beside that there is one entry that names the backends, and for each standing
// that is owed or dead an empty message, its place, whose subject says the backend,
// the lane and when it is due. It is written in the batch of the change and is how
// Claim finds what is due, in order: a consumer hands out messages in the order in
// which they came, and cannot put those of one lane before those of another, nor
// say how much of what is left is due when. What such a message says is checked
// against the entry, and only the entry counts.
//
// The server syncs each removal of a subject alone. So where many leave their
// places at once, each gets a mark, another empty message in the batch of the
// change, and places and marks are removed together later, hundreds by one request;
// a Backlog is the number of places without one. Of fewer than eight the places are
// removed when the change is written. A process that is killed between the two, or
// while it writes a change of more than 1000 messages, leaves places without a
// standing. A Backlog counts them, and Middleware.Drain waits for them, until a Claim
// finds them for the second time and they are four seconds old. Those of dead letters
// are counted until Replay.
//
// Ids are in hex in subjects, so no id can be taken for a wildcard, or for two
// tokens. The bucket can be looked at with the tool nats:
//
//	nats stream info KV_rollcall
//	nats stream subjects KV_rollcall --filter '$KV.rollcall.p.>'
//
// You may set max_bytes or max_msgs for it: a bucket that is full refuses changes, with
// store.ErrUnavailable. New refuses one that would lose people: by max_age, or with
// discard: old; and one that keeps earlier revisions. Leave max_msg_size at -1: who is
// above it is refused with store.ErrUnavailable too, and tried again for ever.
//
// An entry that cannot be read stops nobody else: where it was owed, it becomes a dead
// letter. What calls for this one person returns [ErrCorrupt], as does a listing that
// comes to them, until Forget. To move to or from another kind of store use store.Copy.
//
// # Several processes
//
// Any number may use a bucket, and any of them may deliver. A claim is in the
// entry of the person, so when a process dies another one gets what it held as
// soon as the lease is over. Leases are told by the clocks of the machines, which
// have to agree to within a fraction of the lease, as NTP makes them.
//
// Get is answered by the leader of the bucket, and so is who is listed. Who is read
// to be changed or shown may be read from a follower, but as they were when they
// were listed, or when this Store last saw the bucket, or later; and what was not
// the last is not written. Nor is somebody new by a process that does not know of a
// backend which another one has just enrolled: the server refuses the batch, and it
// is made again.
//
// While a cluster elects a leader, which takes up to nine seconds, calls wait, up
// to 30 seconds or until their context ends. Then the error wraps
// store.ErrUnavailable, and an Apply may have happened all the same, wholly: to
// apply it again is harmless. How long one answer is waited for, two to 16 seconds,
// follows the answers before. A page of a listing is asked for twice, for 20 and for 60
// seconds; to go on behind an error set Filter.After to the last Key that came.
//
// A bucket that comes back with less than it had, after a power cut without
// sync_interval: always or from a backup, or that somebody has emptied, is used as it is,
// some seconds later. What a running bot has saved it may not save again until that
// changes, or the bot is started again, which also enrolls its backends where that is
// lost.
// The bot does not wait: while 30 leaders in a row were killed under load, the p99
// of Middleware.Observe was 80 microseconds, and 133 before that, and nothing that
// was acknowledged was lost (in internal/natstest:
// go test -v -run KilledLeaders . -kills 30, on two shared cores).
//
// # Forgetting
//
// Forget replaces the person's entry by one without them, and removes it where
// nothing is left to remember. From then on no reader sees them. In the server's
// files the bytes of this and of earlier revisions stay, until the server cleans up
// the file that they are in, which it does when more than half of one is garbage
// and it is not the newest. To erase a message by its sequence, which JetStream
// offers, is no help: it takes only one that is still there, and all that was ever
// replaced is not. [Store.Scrub] gets rid of all of it, and takes as long as to save
// everybody, so call it once a day, or when the last Forget of an evening is done.
// Between two of them let the server encrypt its files (jetstream { cipher: aes,
// key: ... }). Backups and mirrors of the stream have to be dealt with by hand.
//
// # Limits
//
// Where the room of a server that keeps the bucket alone ends amid a batch (its
// max_file_store, or the disk), it leaves the front of it, and the call returns
// store.ErrUnavailable; what is tried again when there is room is joined with that.
//
// The server keeps every subject in memory. List asks it for up to 100,000 keys at a
// time, and the server goes through all that are below the same tokens to answer;
// so pages of a few people are quick, and a listing of everybody is meant for once
// in a while. Standings without a Key reads everybody. A Claim lists what is owed
// in its lane, up to 100,000 places, when it has used up what it listed before;
// while nothing of that is due yet, each Claim does.
//
// One atomic batch has up to 1000 messages: one for each person, one for each backend
// that they become owed to, and one more where somebody is new. So one call takes up
// to 999 people. Where a batch would be larger, the places go ahead in batches of
// their own. The server takes 50 open batches a stream. A server that keeps the
// bucket alone writes each batch to files of its own first, which was seen to take 6
// milliseconds for two people and 19 for 500: it is made for few large batches, as
// the middleware sends them, and a cluster is quicker with small ones. A delivery is
// two such batches, one that claims and one that settles, for as many people as there
// are calls to make at once.
package natsstore
