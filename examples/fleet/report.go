package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rollcall-go/rollcall/middleware"
	"github.com/rollcall-go/rollcall/store"
)

// A report is a line of JSON in which a process tells the parent of an outcome.
type report struct {
	Process string // filled in by the parent
	Target  string
	Event   string
	Key     store.Key
	Result  string
	Detail  string
}

func reportOutcome(o middleware.Outcome) report {
	r := report{Target: o.Target, Event: o.Event, Key: o.Key, Result: string(o.Result)}
	switch o.Result {
	case middleware.Created:
		r.Detail = o.Profile.DisplayName()
	case middleware.Updated, middleware.Delivered:
		names := make([]string, len(o.Fields))
		for i, f := range o.Fields {
			names[i] = string(f)
		}
		r.Detail = strings.Join(names, ", ")
	case middleware.Dropped:
		r.Detail = string(o.Reason)
	case middleware.Failed:
		r.Detail = o.Err.Error()
	}
	return r
}

func reportRetry(again middleware.Retry) report {
	return report{
		Target: again.Target, Key: again.Key, Result: "retry",
		Detail: fmt.Sprintf("%v, again in %v", again.Err, again.After.Round(10*time.Millisecond)),
	}
}

func (r report) String() string {
	what := r.Event
	if r.Target != middleware.TargetStore {
		what = "-> " + r.Target
	}
	return strings.TrimRight(fmt.Sprintf("    %-10s %-17s %-26s %-10s %s", r.Process, what, r.Key, r.Result, r.Detail), " ")
}
