package natsstore

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/rollcall-go/rollcall/store"
)

// Subjects below "$KV.<bucket>.". Ids and names are in hex, so that none can
// hold a '.', a wildcard or a space. Hex keeps the order of bytes, and '.' comes
// before its digits, so that subjects of people sort as Key.Compare does:
//
//	b                                     the backends
//	e.0.0.0.0.0.0.0.0                     written whenever a backend is enrolled
//	w                                     what carries the check of that, see guard
//	x                                     what fills a file, see Scrub
//	p.<channel>.<user id>                 a person; the id in tokens of two bytes
//	o.<backend>.<number>.<lane>.<when>.<channel>.<user id>
//	                                      a place: where a standing that is owed or dead is found
//	d.<backend>.<number>.<lane>.<when>.<channel>.<user id>
//	                                      a mark: nothing is at that place any more
//
// The id is cut into tokens since the server can count and list subjects below a
// token, and nothing else: see listing.
const (
	peopleToken   = "p."
	backendsToken = "b"
	enrolToken    = "e"
	guardToken    = "w"
	fillToken     = "x"
	owedToken     = "o."
	goneToken     = "d."
	tokenSize     = 4 // hex digits
)

// A lane is one order of the standings of a backend.
type lane string

const (
	laneLive lane = "0"
	laneBulk lane = "1"
	laneDead lane = "2"
)

// appendKey appends the tokens of key.
func appendKey(b []byte, key store.Key) []byte {
	b = hex.AppendEncode(b, []byte(key.Channel))
	id := hex.EncodeToString([]byte(key.UserID))
	for len(id) > 0 {
		n := min(tokenSize, len(id))
		b = append(append(b, '.'), id[:n]...)
		id = id[n:]
	}
	return b
}

func keyTokens(key store.Key) string { return string(appendKey(nil, key)) }

// parseKey reads what appendKey wrote.
func parseKey(tokens string) (store.Key, error) {
	channel, id, _ := strings.Cut(tokens, ".")
	c, err := hex.DecodeString(channel)
	if err != nil {
		return store.Key{}, errSubject
	}
	u, err := hex.DecodeString(strings.ReplaceAll(id, ".", ""))
	if err != nil {
		return store.Key{}, errSubject
	}
	key := store.Key{Channel: string(c), UserID: string(u)}
	if key.Validate() != nil || keyTokens(key) != tokens {
		return store.Key{}, errSubject
	}
	return key, nil
}

var errSubject = fmt.Errorf("%w: a subject that this package does not write", ErrCorrupt)

func (s *Store) person(key store.Key) string {
	return s.prefix + peopleToken + keyTokens(key)
}

func (s *Store) keyOf(subject string) (store.Key, error) {
	tokens, ok := strings.CutPrefix(subject, s.prefix+peopleToken)
	if !ok {
		return store.Key{}, errSubject
	}
	return parseKey(tokens)
}

// owed is what all places of one backend begin with.
func (s *Store) owed(backend string, number uint64) string {
	return s.prefix + owedToken + backendTokens(backend, number)
}

// gone is what all marks of one backend begin with.
func (s *Store) gone(backend string, number uint64) string {
	return s.prefix + goneToken + backendTokens(backend, number)
}

// group matches the places and the marks of a group. Nothing else has a lane there.
func (s *Store) group(backend string, number uint64, p place) string {
	return s.prefix + "*." + backendTokens(backend, number) + string(p) + ".>"
}

func backendTokens(backend string, number uint64) string {
	return hex.EncodeToString([]byte(backend)) + "." + strconv.FormatUint(number, 36) + "."
}

// A place is where a standing is found: its lane, and then when it is due (in
// milliseconds, so that places sort by it) and something random. Those whom one
// transaction puts into a lane at the same time share a place, so that it can be
// removed whole; no other transaction uses it.
type place string

func newPlace(l lane, due int64, token string) place {
	return place(fmt.Sprintf("%s.%012x%s", l, max(due, 0), token))
}

func (p place) lane() lane {
	l, _, _ := strings.Cut(string(p), ".")
	return lane(l)
}

// due returns when what is there is due.
func (p place) due() (millis int64, ok bool) {
	_, when, _ := strings.Cut(string(p), ".")
	if len(when) != 20 {
		return 0, false
	}
	millis, err := strconv.ParseInt(when[:12], 16, 64)
	return millis, err == nil
}

func (s *Store) at(backend string, number uint64, p place, key store.Key) string {
	return s.owed(backend, number) + string(p) + "." + keyTokens(key)
}

// groupOf matches all that share the place of a subject which at returned.
func groupOf(subject string) string {
	const tokens = 7 // "$KV", the bucket, and those of the place
	return strings.Join(strings.SplitN(subject, ".", tokens+1)[:tokens], ".") + ".>"
}

// traces match all places and marks of a person.
func (s *Store) traces(key store.Key) (places, marks string) {
	anywhere := "*.*.*.*." + keyTokens(key) // backend, number, lane, when
	return s.prefix + owedToken + anywhere, s.prefix + goneToken + anywhere
}

// A candidate is a standing that may be at a place.
type candidate struct {
	key   store.Key
	place place
	due   int64
}

// parseCandidate reads a subject that begins with the tokens of a backend, those of
// its places or of its marks.
func parseCandidate(tokens, subject string) (candidate, error) {
	rest, ok := strings.CutPrefix(subject, tokens)
	parts := strings.SplitN(rest, ".", 3)
	if !ok || len(parts) != 3 {
		return candidate{}, errSubject
	}
	c := candidate{place: place(parts[0] + "." + parts[1])}
	var err error
	if c.key, err = parseKey(parts[2]); err != nil {
		return candidate{}, err
	}
	if c.due, ok = c.place.due(); !ok {
		return candidate{}, errSubject
	}
	return c, nil
}
