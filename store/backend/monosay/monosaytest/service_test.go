package monosaytest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-go/rollcall/store/backend/monosay/monosaytest"
)

// post returns the status and whether the envelope says success.
func post(service *monosaytest.Service, authorization, body string) (int, bool) {
	r := httptest.NewRequest(http.MethodPost, "/v1/channelusers", strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	return w.Code, strings.Contains(w.Body.String(), `"success":true`)
}

func TestTheSchemeIsBot(t *testing.T) {
	t.Parallel()
	for authorization, want := range map[string]int{
		"Bot t": 201, "Bearer t": 401, "bot t": 401, "t": 401, "": 401, "Bot t ": 401, "Bot ": 401,
	} {
		service := monosaytest.New("t", nil)
		code, success := post(service, authorization, `{"channelUserId":"42"}`)
		if code != want || success != (want == 201) || service.Denied() != map[bool]int{true: 0, false: 1}[success] {
			t.Errorf("%q: %d, %v", authorization, code, success)
		}
	}
	service := monosaytest.New("t", &monosaytest.Options{DeniedStatus: 403})
	if code, _ := post(service, "Bot x", `{"channelUserId":"42"}`); code != 403 {
		t.Errorf("%d", code)
	}
}

// This is what the vendor's own middleware for Telegram sends.
func TestTheVendorsOwnRequest(t *testing.T) {
	t.Parallel()
	service := monosaytest.New("t", nil)
	const body = `{"channelUserId":12345,"name":"A","userName":"u","profilePhotoUrl":null}`
	for _, want := range []int{201, 200} {
		if code, success := post(service, "Bot t", body); code != want || !success {
			t.Errorf("%d, %v", code, success)
		}
	}
	request := service.Requests()[0]
	_, surname := request.Body["surname"]
	if photo := request.Body["profilePhotoUrl"]; request.ID != "12345" || !request.Number || surname || string(photo) != "null" {
		t.Errorf("%+v", request)
	}
	if u, ok := service.User("12345"); !ok || u != (monosaytest.User{Name: "A", UserName: "u"}) {
		t.Errorf("%+v", u)
	}
}

func TestIDsAreOnePersonOrTwo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		distinct bool
		ids      []string
		people   int
	}{
		{false, []string{`42`, `"42"`}, 1},
		{true, []string{`42`, `"42"`}, 2},
		{false, []string{`42`, `42.0`, `4.2e1`}, 1},
		{false, []string{`9007199254740992`, `9007199254740993`}, 1}, // one number to JavaScript
		{false, []string{`"9007199254740992"`, `"9007199254740993"`}, 2},
	} {
		service := monosaytest.New("t", &monosaytest.Options{DistinctIDs: c.distinct})
		for _, id := range c.ids {
			if _, success := post(service, "Bot t", `{"channelUserId":`+id+`}`); !success {
				t.Errorf("%s is refused", id)
			}
		}
		if n := len(service.Users()); n != c.people {
			t.Errorf("%v are %d people", c.ids, n)
		}
	}
}

func TestOmittedNullAndEmptyAreThreeThings(t *testing.T) {
	t.Parallel()
	before := monosaytest.User{Name: "A", Surname: "B", UserName: "c", Email: "d@example.org"}
	for _, c := range []struct {
		o    monosaytest.Options
		want monosaytest.User
	}{
		{monosaytest.Options{}, monosaytest.User{Name: "N", Email: before.Email}},
		{monosaytest.Options{KeepsNull: true}, monosaytest.User{Name: "N", Surname: "B", Email: before.Email}},
		{monosaytest.Options{KeepsEmpty: true}, monosaytest.User{Name: "N", UserName: "c", Email: before.Email}},
		{monosaytest.Options{ForgetsOmitted: true}, monosaytest.User{Name: "N"}},
	} {
		service := monosaytest.New("t", &c.o)
		service.Edit("42", before)
		post(service, "Bot t", `{"channelUserId":"42","name":"N","surname":null,"userName":"","x":1}`)
		if u, _ := service.User("42"); u != c.want {
			t.Errorf("%+v: %+v, not %+v", c.o, u, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	service := monosaytest.New("t", nil)
	service.Refuse("7", true)
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `{"channelUserId":""}`, `{"channelUserId":null}`, `{"channelUserId":{}}`,
		`{"channelUserId":true}`, `{"channelUserId":"1","name":3}`, `{"channelUserId":"7"}`, `{"channelUserId":7}`,
	} {
		if code, success := post(service, "Bot t", body); code != 200 || success {
			t.Errorf("%s: %d, %v", body, code, success)
		}
	}
	if users := service.Users(); len(users) != 0 {
		t.Errorf("%v are there", users)
	}
	service = monosaytest.New("t", &monosaytest.Options{RefusedStatus: 422})
	if code, _ := post(service, "Bot t", `{}`); code != 422 {
		t.Errorf("%d", code)
	}
}

func TestOrderedAnswers(t *testing.T) {
	t.Parallel()
	service := monosaytest.New("t", nil)
	service.Reply(monosaytest.Reply{Status: 500, Body: "oops"}, monosaytest.Reply{Status: 200})
	for _, want := range []int{500, 200, 201} {
		code, success := post(service, "Bot t", `{"channelUserId":"42"}`)
		if code != want || success != (want == 201) {
			t.Errorf("%d, %v, not %d", code, success, want)
		}
	}
	if n := len(service.Requests()); n != 3 {
		t.Errorf("%d requests are recorded", n)
	}
	for path, method := range map[string]string{"/v1/events": http.MethodPost, "/v1/channelusers": http.MethodGet} {
		w := httptest.NewRecorder()
		service.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != 404 && w.Code != 405 {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
	}
}
