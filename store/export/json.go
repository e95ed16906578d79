package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/rollcall-go/rollcall/store"
)

// JSON writes people to w, one JSON object a line (https://jsonlines.org), and
// returns how many. Each is what encoding/json makes of a [store.Profile], and can
// be read back into one; what is not known is left out.
//
// Errors are those of [CSV].
func JSON(w io.Writer, people iter.Seq2[store.Profile, error]) (n int, err error) {
	out := bufio.NewWriterSize(w, bufferSize)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false) // nobody pastes this into a page, and names stay readable
	n, err = each(people, out, func(p *store.Profile) error { return e.Encode(p) })
	if err != nil {
		return n, fmt.Errorf("export: json: after %d people: %w", n, err)
	}
	return n, nil
}
