package telegramtest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// params are a request's parameters, whatever way they came: in the query, as a
// form, as multipart or as JSON. Values that are not strings are JSON text.
type params map[string]string

func (p params) int(name string) int {
	n, _ := strconv.Atoi(p[name])
	return n
}

func (p params) bool(name string) bool {
	on, _ := strconv.ParseBool(p[name])
	return on
}

// maxBody is well over what Telegram takes in a request without a file.
const maxBody = 64 << 20

func readParams(r *http.Request) (params, error) {
	p := make(params)
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		if err := p.readJSON(r.Body); err != nil {
			return nil, err
		}
	} else if err := r.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, errors.New("can't parse form")
	}
	for name, values := range r.Form {
		p[name] = values[0]
	}
	for name, values := range r.URL.Query() {
		p[name] = values[0]
	}
	return p, nil
}

// readJSON takes an object, and also null and nothing at all, which libraries
// send with methods that have no parameters.
func (p params) readJSON(body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return errors.New("can't read request")
	}
	if len(data) == 0 {
		return nil
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(data, &values) != nil {
		return errors.New("can't parse JSON object")
	}
	for name, raw := range values {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			p[name] = text
			continue
		}
		p[name] = string(raw)
	}
	return nil
}
