package genauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// A definition is one custom field of the pool, as get-custom-fields tells it
// (https://docs.genauth.ai/reference/sdk/node/management/custom-field/get-custom-fields.html).
type definition struct {
	Key      string `json:"key"`
	DataType string `json:"dataType"`
	Options  []struct {
		Value string `json:"value"`
	} `json:"options"`
}

// definitions remembers the custom fields of the pool, by their keys.
type definitions struct {
	client *client

	mu      sync.Mutex
	known   map[string]definition
	asked   time.Time
	doubted bool
}

// definitionsPause is for a pool that lacks what everybody has, while everybody is
// delivered. Whoever defines it there and calls Replay is not as quick as that.
const definitionsPause = time.Second

// get returns what is remembered, and asks where that is nothing or in doubt.
func (d *definitions) get(ctx context.Context) (map[string]definition, error) {
	d.mu.Lock()
	known, doubted := d.known, d.doubted
	d.mu.Unlock()
	if known == nil || doubted {
		return d.renew(ctx)
	}
	return known, nil
}

// doubt is for when the service refused a value that is as its definition wants it.
func (d *definitions) doubt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubted = true
}

// renew asks, but not more than once in definitionsPause.
func (d *definitions) renew(ctx context.Context) (map[string]definition, error) {
	now := time.Now()
	d.mu.Lock()
	known, asked := d.known, d.asked
	d.mu.Unlock()
	if known != nil && now.Sub(asked) < definitionsPause {
		return known, nil
	}
	data, err := d.client.do(ctx, call{http.MethodGet, "/api/v3/get-custom-fields", object{"targetType": "USER"}})
	if err != nil {
		return nil, fmt.Errorf("get the custom fields: %w", err)
	}
	var list []definition
	if json.Unmarshal(data, &list) != nil {
		return nil, fmt.Errorf("%s answered without custom fields: %w", d.client.rest.Host(), store.ErrUnavailable)
	}
	known = make(map[string]definition, len(list))
	for _, def := range list {
		known[def.Key] = def
	}
	d.mu.Lock()
	d.known, d.asked, d.doubted = known, now, false
	d.mu.Unlock()
	return known, nil
}

// convert returns the value in the type that the field has in the pool. problem
// says why there is none.
func (d definition) convert(v any) (converted any, problem string) {
	text, ok := asText(v)
	switch {
	case d.Key == "":
		return nil, "goes to a custom field that is not defined in GenAuth"
	case !ok:
		return nil, "has a type that no custom field has"
	}
	switch strings.ToUpper(d.DataType) {
	case "STRING":
		return text, ""
	case "NUMBER":
		if f, err := strconv.ParseFloat(text, 64); err == nil && f-f == 0 { // not NaN, not infinite
			return f, ""
		}
		return nil, "is not a number, as its custom field in GenAuth is"
	case "BOOLEAN":
		if text == "true" || text == "false" {
			return text == "true", ""
		}
		return nil, "is not true or false, as its custom field in GenAuth is"
	case "DATETIME":
		if _, err := time.Parse(time.RFC3339, text); err == nil || wholeDate(text) {
			return text, ""
		}
		return nil, "is not a time, as its custom field in GenAuth is"
	case "ENUM", "SELECT": // the second is that of older pools
		for _, o := range d.Options {
			if o.Value == text {
				return text, ""
			}
		}
		return nil, "is not one of the options that its custom field has in GenAuth"
	}
	return nil, "goes to a custom field whose type in GenAuth is not known"
}

// empty returns what clears the field.
func (d definition) empty(c Clearing) any {
	switch strings.ToUpper(d.DataType) {
	case "BOOLEAN":
		return false
	case "STRING":
		if c == ClearWithEmpty {
			return ""
		}
	}
	return nil
}

// customValue is the value of a field that goes to custom data, nil for none.
func customValue(p store.Profile, f store.Field) any {
	for key, v := range p.Custom {
		if store.CustomKey(key) == f {
			return v
		}
	}
	switch v := p.Value(f); {
	case v == "":
		return nil
	case f == store.FieldIsPremium:
		return true
	default:
		return v
	}
}

func asText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		b, err := appendJSON(nil, v)
		return string(b), err == nil
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// customPart makes the part of the custom fields among these. defs is nil where
// nobody can tell the definitions. kept is what the account has of custom data, to
// be sent along where the service may replace all of it.
func (m mapping) customPart(p store.Profile, fields []store.Field, defs map[string]definition, kept map[string]json.RawMessage) (custom *part, problems []problem) {
	custom = &part{}
	data := object{}
	for key, value := range kept {
		data[key] = value
	}
	for _, f := range fields {
		key := m.custom[f]
		if key == "" {
			continue
		}
		v := customValue(p, f)
		var problem string
		def := defs[key]
		switch {
		case defs == nil: // as it is
		case v == nil && def.Key != "":
			v = def.empty(m.clearing)
		default:
			v, problem = def.convert(v)
		}
		if problem != "" {
			problems = append(problems, problemOf(f, problem))
			continue
		}
		data[key] = v
		custom.fields = append(custom.fields, f)
	}
	if len(custom.fields) == 0 {
		return nil, problems
	}
	custom.values = object{"customData": data}
	return custom, problems
}

// customKeys returns the keys of the custom fields among these.
func (m mapping) customKeys(fields []store.Field) []string {
	var keys []string
	for _, f := range fields {
		if key := m.custom[f]; key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}
