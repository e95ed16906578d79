package middleware

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/store"
)

// String returns x as some lines of text, without values.
func (x Explanation) String() string {
	var b strings.Builder
	who := "nobody"
	switch {
	case x.Key.IsZero():
	case x.Reason == ReasonInvalidKey:
		who = fmt.Sprintf("%.300q", x.Key.String())
	default:
		who = x.Key.String()
	}
	fmt.Fprintf(&b, "%s of %s, %s: %s", x.Event, who, x.At.UTC().Format(time.DateTime), x.Result)
	if x.Reason != "" {
		fmt.Fprintf(&b, " (%s)", x.Reason)
	}
	if x.Waits {
		b.WriteString(", may be joined to what is not saved yet")
	}
	b.WriteByte('\n')
	for _, f := range x.Fields {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	switch {
	case x.Result == "" || x.Result == Dropped || x.Result == Coalesced:
		return b.String()
	case x.Writes && x.Waits:
		b.WriteString("  saved with what waits\n")
	case x.Writes && x.Result == Unchanged:
		b.WriteString("  saved: only what readers do not see, such as last_seen\n")
	case x.Writes:
		b.WriteString("  saved\n")
	default:
		b.WriteString("  not saved: the store has all of it\n")
	}
	for _, backend := range x.Backends {
		fmt.Fprintf(&b, "  %s\n", backend)
	}
	return b.String()
}

// String returns f as one line.
func (f FieldExplanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Field, characters(f.Length))
	if f.Repaired {
		b.WriteString(", repaired")
	}
	if f.Effect != "" {
		fmt.Fprintf(&b, ", %s", f.Effect)
	}
	if f.Effect == EffectChange {
		fmt.Fprintf(&b, " (was %s)", characters(f.Was))
	}
	return b.String()
}

func characters(n int) string {
	switch n {
	case 0:
		return "none"
	case 1:
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

// String returns b as one line.
func (b BackendExplanation) String() string {
	if b.Nothing != "" {
		return fmt.Sprintf("%s is sent nothing: %s%s", b.Backend, b.Nothing, stays(b.Uncleared))
	}
	var sent []string
	for _, f := range b.Fields {
		if slices.Contains(b.Cleared, f) {
			sent = append(sent, string(f)+" (cleared)")
			continue
		}
		sent = append(sent, string(f))
	}
	if len(sent) == 0 {
		sent = []string{"the id alone"}
	}
	return fmt.Sprintf("%s is sent %s%s", b.Backend, strings.Join(sent, ", "), stays(b.Uncleared))
}

func stays(uncleared []store.Field) string {
	if len(uncleared) == 0 {
		return ""
	}
	return fmt.Sprintf("; it cannot clear %v", uncleared)
}
