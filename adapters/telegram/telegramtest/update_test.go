package telegramtest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rollcall-go/rollcall/adapters/telegram/telegramtest"
)

func TestBuilders(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0)
	bot := telegramtest.User{ID: 7, IsBot: true, FirstName: "Bot", Username: "my_bot"}
	group := telegramtest.Group(-1001234567890, "Cats")
	const (
		user    = `{"first_name":"Ann","id":42,"is_bot":false,"language_code":"en","username":"ann"}`
		private = `{"first_name":"Ann","id":42,"type":"private","username":"ann"}`
		me      = `{"first_name":"Bot","id":7,"is_bot":true,"username":"my_bot"}`
		cats    = `{"id":-1001234567890,"title":"Cats","type":"supergroup"}`
	)
	for name, c := range map[string]struct {
		update telegramtest.Update
		want   string
	}{
		"start": {telegramtest.Start(ann, "ref_7").At(at).WithID(9),
			`{"message":{"chat":` + private + `,"date":1700000000,"entities":[{"length":6,"offset":0,"type":"bot_command"}],"from":` + user + `,"text":"/start ref_7"},"update_id":9}`},
		"entities count UTF-16": {telegramtest.Message(ann, group, "😀 hi @my_bot\n/help@my_bot").With("from", nil),
			`{"message":{"chat":` + cats + `,"entities":[{"length":7,"offset":6,"type":"mention"},{"length":12,"offset":14,"type":"bot_command"}],"text":"😀 hi @my_bot\n/help@my_bot"}}`},
		"edit": {telegramtest.EditedMessage(ann, group, "x").At(at),
			`{"edited_message":{"chat":` + cats + `,"edit_date":1700000000,"from":` + user + `,"text":"x"}}`},
		"blocked": {telegramtest.Blocked(ann, bot).At(at),
			`{"my_chat_member":{"chat":` + private + `,"date":1700000000,"from":` + user + `,"new_chat_member":{"status":"kicked","user":` + me + `},"old_chat_member":{"status":"member","user":` + me + `}}}`},
		"no time in inline queries": {telegramtest.InlineQuery(ann, "cats").At(at),
			`{"inline_query":{"chat_type":"supergroup","from":` + user + `,"id":"134567890097","offset":"","query":"cats"}}`},
		"contact": {telegramtest.Contact(ann, "14155552671", 42).At(at),
			`{"message":{"chat":` + private + `,"contact":{"first_name":"Ann","phone_number":"14155552671","user_id":42},"date":1700000000,"from":` + user + `}}`},
		"join request": {telegramtest.JoinRequest(ann, group, "I like cats").At(at),
			`{"chat_join_request":{"bio":"I like cats","chat":` + cats + `,"date":1700000000,"from":` + user + `,"user_chat_id":42}}`},
		"join request without a bio": {telegramtest.JoinRequest(ann, group, "").At(at),
			`{"chat_join_request":{"chat":` + cats + `,"date":1700000000,"from":` + user + `,"user_chat_id":42}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(c.update)
			if err != nil {
				t.Fatal(err)
			}
			if !equalJSON(t, got, []byte(c.want)) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWithChangesACopy(t *testing.T) {
	t.Parallel()
	m := telegramtest.Message(ann, telegramtest.Private(ann), "hi")
	before, _ := json.Marshal(m)
	m.With("text", "other").At(time.Unix(1, 0)).WithID(3)
	after, _ := json.Marshal(m)
	if string(before) != string(after) {
		t.Errorf("changed to %s", after)
	}
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	c, _ := json.Marshal(x)
	d, _ := json.Marshal(y)
	return string(c) == string(d)
}
