package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/store"
	"github.com/rollcall-go/rollcall/store/backend/webhook"
	"github.com/rollcall-go/rollcall/store/backend/webhook/webhooktest"
)

// start serves the double and returns it with a backend that posts to path there.
func start(t *testing.T, path string, secrets []string, o *webhook.Options) (*webhook.Backend, *webhooktest.Service) {
	t.Helper()
	service := webhooktest.New(secret)
	srv := httptest.NewServer(service)
	t.Cleanup(srv.Close)
	b, err := webhook.New(srv.URL+path, secrets, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, service
}

var ann = store.Profile{Key: store.Key{Channel: "telegram", UserID: "42"}, Name: "Ann Lee", GivenName: "Ann", FamilyName: "Lee"}

func all(p store.Profile) store.Delivery {
	return store.Delivery{Profile: p, Fields: p.Stated(), All: true, Version: 1, Attempt: 1}
}

func person(n int) store.Profile {
	return store.Profile{Key: store.Key{Channel: "telegram", UserID: fmt.Sprint(n)}, Name: fmt.Sprintf("Person %d", n)}
}

func TestThePathArrivesAsItWasGiven(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                          "/",
		"/":                         "/",
		"/hooks/a":                  "/hooks/a",
		"/hooks/a/":                 "/hooks/a/",
		"/hooks/a%2Fb%20c":          "/hooks/a%2Fb%20c",
		"/hooks?key=c4nary&sig=a%2": "",
		"/hooks?key=c4nary%2F&a=b":  "/hooks?a=b&key=c4nary%2F",
	} {
		if want == "" {
			_, err := webhook.New("https://example.com"+path, []string{secret}, nil)
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "c4nary") {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		b, service := start(t, path, []string{secret}, nil)
		if _, err := b.Deliver(t.Context(), all(ann)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if got := service.Requests()[0].Path; got != want {
			t.Errorf("%q was asked for, not %q", got, want)
		}
	}
}

func TestThePathIsInNoError(t *testing.T) {
	t.Parallel()
	b, service := start(t, hook, []string{secret, older}, nil)
	for _, status := range []int{302, 400, 401, 404, 410, 429, 500, 503} {
		service.Reply(webhooktest.Reply{Status: status, Header: http.Header{"Location": {"/c4nary"}}, Body: "c4nary Ann Lee"})
	}
	for range 8 {
		_, err := b.Deliver(t.Context(), all(ann))
		if err == nil || !strings.HasPrefix(err.Error(), "webhook: deliver telegram:42: 127.0.0.1:") ||
			strings.Contains(err.Error(), "c4nary") || strings.Contains(err.Error(), "Lee") {
			t.Errorf("the error is %v", err)
		}
	}
	b, err := webhook.New("http://127.0.0.1:1"+hook, []string{secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Erase(t.Context(), ann.Key, ""); err == nil || err.Error() != "webhook: erase telegram:42: 127.0.0.1:1 refuses the connection" {
		t.Errorf("the error is %v", err)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string
		o       webhook.Options
		want    string
	}{
		"no URL":       {"", webhook.Options{}, "absolute"},
		"a path":       {"/hooks/c4nary", webhook.Options{}, "absolute"},
		"no URL's":     {"https://example.com/c4nary%zz", webhook.Options{}, "absolute"},
		"opaque":       {"mailto:c4nary@example.com", webhook.Options{}, "absolute"},
		"plain http":   {"http://example.com/c4nary", webhook.Options{}, "plain http"},
		"a password":   {"https://ann:c4nary@example.com/", webhook.Options{}, "password"},
		"a fragment":   {"https://example.com/#c4nary", webhook.Options{}, "fragment"},
		"a batch":      {"https://example.com/c4nary", webhook.Options{Batch: 101}, "Batch"},
		"half a batch": {"https://example.com/c4nary", webhook.Options{Batch: -1}, "negative"},
		"a name":       {"https://example.com/c4nary", webhook.Options{Name: "Web Hook"}, "name"},
		"a rate":       {"https://example.com/c4nary", webhook.Options{Rate: store.Rate{Per: time.Second}}, "Rate"},
	} {
		_, err := webhook.New(c.address, []string{secret}, &c.o)
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := webhook.New("https://example.com/c4nary", []string{secret}, nil)
	if err != nil || b.Name() != "webhook" {
		t.Errorf("by default: %v", err)
	}
}

func TestAnAnswerOf2xxIsAnAcceptance(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, nil)
	for _, reply := range []webhooktest.Reply{{Status: 200, Body: "<html>"}, {Status: 202}, {Status: 204}, {Status: 299, Body: `{"success":false}`}} {
		service.Reply(reply)
		if receipt, err := b.Deliver(t.Context(), all(ann)); err != nil || receipt.Remote == "" {
			t.Errorf("%d: %+v, %v", reply.Status, receipt, err)
		}
	}
	service.Reply(webhooktest.Reply{Status: 410})
	if _, err := b.Deliver(t.Context(), all(ann)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("410: %v", err)
	}
}

func TestSecretsChangeWithoutAGap(t *testing.T) {
	t.Parallel()
	both, service := start(t, "/", []string{older, secret}, nil)
	for _, known := range [][]string{{secret}, {older}, {older, secret}, {"no base64!", secret}} {
		service.SetSecrets(known...)
		if _, err := both.Deliver(t.Context(), all(ann)); err != nil {
			t.Error(err)
		}
	}
	if n := service.Requests()[0].Signatures; n != 2 {
		t.Errorf("%d signatures were sent", n)
	}
	service.SetSecrets(vectorlike)
	if _, err := both.Deliver(t.Context(), all(ann)); !errors.Is(err, store.ErrDenied) {
		t.Errorf("with secrets that nobody knows: %v", err)
	}
}

const vectorlike = "whsec_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"

// Two events of one id say the same.
func TestIDs(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret, older}, nil)
	deliver := func(d store.Delivery) string {
		t.Helper()
		receipt, err := b.Deliver(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		requests := service.Requests()
		last := requests[len(requests)-1]
		if last.ID != last.Events[0].ID || last.ID != receipt.Remote || len(last.ID) != 36 || strings.Contains(last.ID, ".") {
			t.Errorf("the webhook-id is %q, and the event's %q", last.ID, last.Events[0].ID)
		}
		if last.Events[0].Version != d.Version {
			t.Errorf("the version is %d, not %d", last.Events[0].Version, d.Version)
		}
		return last.ID
	}
	at := func(version int64, change func(d *store.Delivery)) store.Delivery {
		d := all(ann)
		d.Version = version
		if change != nil {
			change(&d)
		}
		return d
	}
	first := deliver(at(1, nil))
	service.Reply(webhooktest.Reply{Status: 502})
	if _, err := b.Deliver(t.Context(), at(1, nil)); err == nil {
		t.Fatal("no error")
	}
	for why, d := range map[string]store.Delivery{
		"a retry":                       at(1, func(d *store.Delivery) { d.Attempt = 2 }),
		"one after another receipt":     at(1, func(d *store.Delivery) { d.Remote = first }),
		"one of somebody seen meantime": at(1, func(d *store.Delivery) { d.Profile.LastSeen = time.Now() }),
	} {
		if deliver(d) != first {
			t.Errorf("%s has another id", why)
		}
	}
	for why, d := range map[string]store.Delivery{
		"the next change":      at(2, nil),
		"another person":       at(1, func(d *store.Delivery) { d.Profile.UserID = "43" }),
		"an enrolment anew":    at(1, func(d *store.Delivery) { d.Profile.Name = "Bob" }),
		"other changed fields": at(1, func(d *store.Delivery) { d.Fields, d.All = d.Fields[:1], false }),
	} {
		if deliver(d) == first {
			t.Errorf("%s has the same id", why)
		}
	}
	o := &webhook.Options{Name: "another"}
	other, again := start(t, "/", []string{secret}, o)
	if _, err := other.Deliver(t.Context(), at(1, nil)); err != nil || again.Requests()[0].ID == first {
		t.Errorf("two backends have the same id (%v)", err)
	}
}

// An erasure that is tried again is the same one, and one of another life is not.
func TestIDsOfErasures(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, nil)
	for _, remote := range []string{"msg_1", "msg_1", "msg_2", ""} {
		if err := b.Erase(t.Context(), ann.Key, remote); err != nil {
			t.Fatal(err)
		}
	}
	r := service.Requests()
	if r[0].ID != r[1].ID || r[0].ID == r[2].ID || r[3].ID == r[0].ID {
		t.Errorf("the ids are %s, %s, %s and %s", r[0].ID, r[1].ID, r[2].ID, r[3].ID)
	}
}

func TestWhatIsOlderIsKnownByItsVersion(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, nil)
	name := func(version int64, name string, all bool) string {
		p := person(42)
		p.Name = name
		if _, err := b.Deliver(t.Context(), store.Delivery{Profile: p, Version: version, Fields: []store.Field{store.FieldName}, All: all}); err != nil {
			t.Fatal(err)
		}
		held, _ := service.Person("telegram:42")
		return held["name"]
	}
	for i, c := range []struct {
		version int64
		name    string
		all     bool
		want    string
	}{
		{5, "Ann", true, "Ann"}, {7, "Anna", false, "Anna"}, {6, "Ann", false, "Anna"}, {1, "Bob", true, "Bob"}, {2, "Rob", false, "Rob"},
	} {
		if got := name(c.version, c.name, c.all); got != c.want {
			t.Errorf("%d: the service holds %q, not %q", i, got, c.want)
		}
	}
	if service.Outdated() != 1 || service.Duplicates() != 0 {
		t.Errorf("%d were outdated, and %d duplicates", service.Outdated(), service.Duplicates())
	}
}

func TestNothingLeavesThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	asked := []store.Field{store.FieldCountry, store.CustomKey("tier"), store.FieldEmailVerified, store.FieldGivenName, store.FieldLocale}
	slices.Sort(asked)
	hook, service := start(t, "/", []string{secret}, nil)
	b := store.Restrict(hook, func(f store.Field) bool { return slices.Contains(asked, f) })
	p := ann
	p.PhoneNumber, p.PhoneVerified, p.Email, p.Locale = "+14155552671", true, "ann@example.org", "cs"
	p.Address = store.Address{StreetAddress: "Long Street 1", Country: "CZ"}
	p.Custom = map[string]any{"tier": "gold", "debt": 7.0}
	p.Nicks = map[string]string{"1": "Annie"}
	p.FirstSeen, p.LastSeen = time.Unix(1_700_000_000, 0), time.Unix(1_700_000_001, 0)
	if _, err := b.Deliver(t.Context(), store.Delivery{Profile: p, Version: 1, Fields: slices.DeleteFunc(slices.Clone(asked), func(f store.Field) bool { return !b.Traits().Takes(f) }), All: true}); err != nil {
		t.Fatal(err)
	}
	want := `"profile":{"channel":"telegram","user_id":"42","given_name":"Ann","locale":"cs","address":{"country":"CZ"},"custom":{"tier":"gold"}},`
	if body := service.Requests()[0].Body; !strings.Contains(body, want) {
		t.Errorf("what was sent is %s", body)
	}
	for f, want := range map[store.Field]bool{store.FieldLocale: true, store.FieldPhoneNumber: false, store.FieldName: false, store.FieldEmailVerified: false} {
		if b.Traits().Takes(f) != want {
			t.Errorf("takes %s: %t", f, !want)
		}
	}
}

func TestErasing(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{0, 5} {
		b, service := start(t, "/", []string{secret}, &webhook.Options{Batch: batch})
		receipt, err := b.Deliver(t.Context(), all(ann))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := b.Erase(t.Context(), ann.Key, receipt.Remote); err != nil {
				t.Error(err)
			}
		}
		if err := b.Erase(t.Context(), person(7).Key, ""); err != nil {
			t.Errorf("somebody unknown: %v", err)
		}
		if people := service.People(); len(people) != 0 {
			t.Errorf("%v are still there", people)
		}
		if body := service.Requests()[1].Body; strings.Contains(body, "Ann") || strings.Contains(body, "profile\"") {
			t.Errorf("the erasure tells of the profile: %s", body)
		}
		service.Reply(webhooktest.Reply{Status: 503, Header: http.Header{"Retry-After": {"9"}}})
		err = b.Erase(t.Context(), ann.Key, "")
		if throttled, ok := errors.AsType[*store.ThrottledError](err); !ok || throttled.After != 9*time.Second {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestABatchIsOneRequest(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, &webhook.Options{Batch: 20})
	if n := b.Traits().Batch; n != 20 {
		t.Errorf("Traits.Batch is %d", n)
	}
	var ds []store.Delivery
	for n := range 20 {
		ds = append(ds, all(person(n)))
	}
	results := b.DeliverBatch(t.Context(), ds)
	if len(results) != 20 || len(service.Requests()) != 1 || len(service.People()) != 20 {
		t.Fatalf("%d results, %d requests, %d people", len(results), len(service.Requests()), len(service.People()))
	}
	request := service.Requests()[0]
	for i, r := range results {
		if r.Err != nil || r.Receipt.Remote != request.Events[i].ID || request.ID == r.Receipt.Remote {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if _, err := b.Deliver(t.Context(), all(ann)); err != nil {
		t.Error(err)
	}
	if body := service.Requests()[1].Body; !strings.HasPrefix(body, "[{") {
		t.Errorf("one event alone is %.20s, not an array", body)
	}
	if results := b.DeliverBatch(t.Context(), nil); len(results) != 0 || len(service.Requests()) != 2 {
		t.Errorf("nobody at all: %v", results)
	}
}

func TestPoisonInABatchHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, &webhook.Options{Batch: 64})
	poison := map[int]int{3: 422, 40: 400, 41: 413}
	var ds []store.Delivery
	for n := range 64 {
		ds = append(ds, all(person(n)))
		service.Refuse(person(n).Key.String(), poison[n])
	}
	for n, r := range b.DeliverBatch(t.Context(), ds) {
		if bad := poison[n] != 0; bad != errors.Is(r.Err, store.ErrInvalid) || bad != (r.Err != nil) || bad != (r.Receipt.Remote == "") {
			t.Errorf("%d: %+v", n, r)
		} else if bad && !strings.Contains(r.Err.Error(), ds[n].Profile.Key.String()) {
			t.Errorf("the error does not say who: %v", r.Err)
		}
	}
	if n := len(service.People()); n != 61 {
		t.Errorf("%d people arrived", n)
	}
	if n := len(service.Requests()); n > 3*13 { // to halve 64 down to one takes 13 requests
		t.Errorf("%d requests were made", n)
	}
}

func TestABatchThatIsNotInvalidIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, &webhook.Options{Batch: 4})
	for status, want := range map[int]error{401: store.ErrDenied, 500: store.ErrUnavailable, 429: store.ErrUnavailable} {
		before := len(service.Requests())
		service.Reply(webhooktest.Reply{Status: status})
		for _, r := range b.DeliverBatch(t.Context(), []store.Delivery{all(person(1)), all(person(2))}) {
			if !errors.Is(r.Err, want) {
				t.Errorf("%d: %v", status, r.Err)
			}
		}
		if n := len(service.Requests()) - before; n != 1 {
			t.Errorf("%d: %d requests were made", status, n)
		}
	}
}

func TestOneWhoCannotBeWrittenDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	b, service := start(t, "/", []string{secret}, &webhook.Options{Batch: 4})
	bad := person(1)
	bad.Custom = map[string]any{"f": func() {}}
	results := b.DeliverBatch(t.Context(), []store.Delivery{{Profile: bad, Fields: []store.Field{store.FieldName}}, all(person(2))})
	if !errors.Is(results[0].Err, store.ErrInvalid) || results[1].Err != nil || !slices.Equal(service.People(), []string{"telegram:2"}) {
		t.Errorf("%+v, and %v are there", results, service.People())
	}
}

func TestTheReceiversAnswersMakeTheSenderDoTheRightThing(t *testing.T) {
	t.Parallel()
	var answer error
	receiver, err := webhook.NewReceiver([]string{older, secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []webhook.Event
	srv := httptest.NewServer(receiver.Handler(func(_ context.Context, e webhook.Event) error {
		got = append(got, e)
		return answer
	}))
	defer srv.Close()
	b, err := webhook.New(srv.URL, []string{secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, c := range []struct{ answer, want error }{
		{nil, nil},
		{fmt.Errorf("crm: %w", store.ErrInvalid), store.ErrInvalid},
		{errors.New("the database is down: c4nary"), store.ErrUnavailable},
		{store.ErrDenied, store.ErrUnavailable},
		{&store.ThrottledError{After: 1500 * time.Millisecond, Err: errors.New("busy")}, store.ErrUnavailable},
	} {
		answer = c.answer
		_, err := b.Deliver(t.Context(), all(ann))
		if !errors.Is(err, c.want) || errors.Is(err, store.ErrDenied) {
			t.Errorf("%v: the sender's error is %v, not %v", c.answer, err, c.want)
		}
		if throttled, ok := errors.AsType[*store.ThrottledError](err); ok && throttled.After != 2*time.Second {
			t.Errorf("the pause is %v", throttled.After)
		}
	}
	want := webhook.Event{
		ID: got[0].ID, Version: 1, Type: webhook.TypeUpdated, ChannelUserID: "telegram:42", Key: ann.Key, Profile: ann,
		Fields: ann.Stated(), Cleared: []store.Field{}, All: true,
	}
	gotText, errGot := json.Marshal(got[0])
	wantText, errWant := json.Marshal(want)
	if errGot != nil || errWant != nil || !reflect.DeepEqual(got[0], want) {
		t.Errorf("the event is\n%s, not\n%s (%v, %v)", gotText, wantText, errGot, errWant)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", got[0], got[0], got[0], got[0]); s != "telegram:42 telegram:42 telegram:42 telegram:42" {
		t.Errorf("an event prints as %s", s)
	}
	stranger, err := webhook.New(srv.URL, []string{vectorlike}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	before := len(got)
	if _, err := stranger.Deliver(t.Context(), all(ann)); !errors.Is(err, store.ErrDenied) || len(got) != before {
		t.Errorf("with another secret: %v", err)
	}
}

func TestTheReceiverRefusesWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	receiver, err := webhook.NewReceiver([]string{secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	handler := receiver.Handler(func(context.Context, webhook.Event) error { return errors.New("not to be called") })
	for name, c := range map[string]struct {
		method, body string
		want         int
	}{
		"another method":  {http.MethodGet, "", http.StatusMethodNotAllowed},
		"unsigned":        {http.MethodPost, `{}`, http.StatusUnauthorized},
		"without end":     {http.MethodPost, strings.Repeat(" ", 4<<20+1), http.StatusRequestEntityTooLarge},
		"as large as can": {http.MethodPost, strings.Repeat(" ", 4<<20), http.StatusUnauthorized},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(c.method, "/", strings.NewReader(c.body)))
		if w.Code != c.want {
			t.Errorf("%s: %d, not %d", name, w.Code, c.want)
		}
	}
}

func TestHeadersAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer srv.Close()
	b, err := webhook.New(srv.URL, []string{secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Deliver(t.Context(), all(ann)); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(got))
	want := []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "Webhook-Id", "Webhook-Signature", "Webhook-Timestamp"}
	if !slices.Equal(names, want) || got.Get("Content-Type") != "application/json" {
		t.Errorf("the headers are %v", got)
	}
}
