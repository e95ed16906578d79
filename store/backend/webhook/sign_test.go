package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// The test vector of the standard's own libraries, such as
// https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/go/webhook_test.go
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	wrongSignature  = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
)

func TestSignaturesAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{vectorSecret, strings.TrimPrefix(vectorSecret, "whsec_")} {
		keys, err := parseSecrets([]string{secret})
		if err != nil {
			t.Fatal(err)
		}
		if got := signature(keys, vectorID, time.Unix(vectorTime, 0), []byte(vectorBody)); got != vectorSignature {
			t.Errorf("the signature is %s, not %s", got, vectorSignature)
		}
	}
}

func TestVerifyTakesWhatTheStandardsLibrariesTake(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	for name, c := range map[string]struct {
		change func(http.Header)
		body   string
		late   time.Duration
		taken  bool
	}{
		"the vector":                    {taken: true},
		"just in time":                  {late: 5 * time.Minute, taken: true},
		"from a clock that is ahead":    {late: -5 * time.Minute, taken: true},
		"too old":                       {late: 5*time.Minute + time.Second},
		"too new":                       {late: -5*time.Minute - time.Second},
		"without id":                    {change: func(h http.Header) { h.Del("webhook-id") }},
		"without timestamp":             {change: func(h http.Header) { h.Del("webhook-timestamp") }},
		"without signature":             {change: func(h http.Header) { h.Del("webhook-signature") }},
		"another body":                  {body: `{"test": 2432232315}`},
		"another id":                    {change: set("webhook-id", "msg_other")},
		"another timestamp":             {change: set("webhook-timestamp", fmt.Sprint(vectorTime+1))},
		"the timestamp written again":   {change: set("webhook-timestamp", fmt.Sprintf("0%d", vectorTime))},
		"a timestamp that is none":      {change: set("webhook-timestamp", "now")},
		"a timestamp beyond all bounds": {change: set("webhook-timestamp", "9223372036854775807")},
		"another signature":             {change: set("webhook-signature", wrongSignature)},
		"no base64":                     {change: set("webhook-signature", "v1,%%%")},
		"an empty signature":            {change: set("webhook-signature", "v1,")},
		"the right one of several":      {change: set("webhook-signature", wrongSignature+" v2,abc "+vectorSignature+" "+wrongSignature), taken: true},
		"of an unknown version":         {change: set("webhook-signature", "v1a"+vectorSignature[2:])},
		"of no version":                 {change: set("webhook-signature", vectorSignature[3:])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(vectorTime, 0).Add(c.late)))
				r, err := NewReceiver([]string{vectorSecret}, nil)
				if err != nil {
					t.Fatal(err)
				}
				h := http.Header{}
				h.Set("webhook-id", vectorID)
				h.Set("webhook-timestamp", fmt.Sprint(vectorTime))
				h.Set("webhook-signature", vectorSignature)
				if c.change != nil {
					c.change(h)
				}
				if c.body == "" {
					c.body = vectorBody
				}
				// The vector is no event, which only a request whose signature is
				// right is told.
				_, err = r.Verify(h, []byte(c.body))
				want := store.ErrDenied
				if c.taken {
					want = store.ErrInvalid
				}
				if !errors.Is(err, want) || errors.Is(err, store.ErrDenied) == c.taken {
					t.Errorf("the error is %v, not %v", err, want)
				}
			})
		})
	}
}

func TestToleranceIsAnOption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(vectorTime, 0).Add(time.Hour)))
		for tolerance, want := range map[time.Duration]error{time.Hour: store.ErrInvalid, time.Hour - time.Second: store.ErrDenied} {
			r, err := NewReceiver([]string{vectorSecret}, &ReceiverOptions{Tolerance: tolerance})
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{headerID: {vectorID}, headerTimestamp: {fmt.Sprint(vectorTime)}, headerSignature: {vectorSignature}}
			if _, err := r.Verify(h, []byte(vectorBody)); !errors.Is(err, want) {
				t.Errorf("with a tolerance of %v the error is %v, not %v", tolerance, err, want)
			}
		}
	})
}

// Whoever may choose ids could otherwise move a part of the body into the
// timestamp, under the same signature.
func TestAnIDCannotMoveTheEndsOfWhatIsSigned(t *testing.T) {
	t.Parallel()
	r, err := NewReceiver([]string{vectorSecret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	sum := r.keys[0].sign("msg_1", "5", fmt.Appendf(nil, "%d.{}", now.Unix()))
	h := http.Header{
		headerID:        {"msg_1.5"},
		headerTimestamp: {fmt.Sprint(now.Unix())},
		headerSignature: {version + base64.StdEncoding.EncodeToString(sum)},
	}
	if _, err := r.Verify(h, []byte("{}")); !errors.Is(err, store.ErrDenied) {
		t.Errorf("the error is %v", err)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	t.Parallel()
	encode := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, secrets := range [][]string{
		nil, {""}, {"whsec_"}, {"c4nary"}, {"whsec_c4nary!"}, {encode(23)}, {encode(65)},
		{vectorSecret, "c4nary"}, {vectorSecret + "\n c4nary"}, {"whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	} {
		_, errReceiver := NewReceiver(secrets, nil)
		_, errSender := New("https://example.com", secrets, nil)
		for _, err := range []error{errReceiver, errSender} {
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "c4nary") || strings.Contains(err.Error(), "MfKQ") {
				t.Errorf("%q: %v", secrets, err)
			}
		}
	}
	for _, n := range []int{24, 32, 64} {
		if _, err := NewReceiver([]string{encode(n)}, nil); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := NewReceiver([]string{vectorSecret}, &ReceiverOptions{Tolerance: -1}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a negative tolerance: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(vectorID, fmt.Sprint(vectorTime), vectorSignature, vectorBody)
	f.Add("msg_1", "-9223372036854775808", "v1, v1,, ,", "[]")
	r, err := NewReceiver([]string{vectorSecret}, &ReceiverOptions{Tolerance: 1<<63 - 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp, signatures, body string) {
		h := http.Header{headerID: {id}, headerTimestamp: {timestamp}, headerSignature: {signatures}}
		_, err := r.Verify(h, []byte(body))
		forged := id != vectorID || body != vectorBody || timestamp != fmt.Sprint(vectorTime)
		if forged && !errors.Is(err, store.ErrDenied) {
			t.Fatalf("taken for signed: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"id":"msg_1","type":"profile.updated","key":"telegram:42","channel":"telegram","user_id":"42","profile":{"channel":"telegram","user_id":"42"},"fields":[],"cleared":[]}`,
		`[{"id":"msg_1","type":"profile.erased","key":"a:b:c","channel":"a","user_id":"b:c"}]`,
		` [ ] `, `null`, `[null]`, `{}`, `[`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := decode(body)
		if err != nil {
			return
		}
		for _, e := range events {
			if e.Key.Validate() != nil || e.ChannelUserID != e.Key.String() || e.ID == "" || e.Type == "" {
				t.Fatalf("taken for an event: %#v", e)
			}
			again, err := encode(e)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decode(again); err != nil || len(back) != 1 || back[0].Key != e.Key {
				t.Fatalf("%s: %v", again, err)
			}
		}
	})
}
