package middleware

import "time"

// A Gate says whether calls to a backend go.
type Gate string

// The gates. Only one that is open lets calls go as fast as the backend takes them.
const (
	GateOpen Gate = "open"
	// GateThrottled: the backend asked for a pause, and no call goes until it is over.
	GateThrottled Gate = "throttled"
	// GateTripped: calls failed, five or more in a row. They pause, and then one is
	// tried at a time, until one is answered.
	GateTripped Gate = "tripped"
	// GateDenied: the backend lets nobody in, for its credentials, its certificate or
	// the account's plan. As GateTripped, and somebody has to do something about it.
	GateDenied Gate = "denied"
)

// A BackendState is how this process's deliveries to one backend are doing.
type BackendState struct {
	Backend string // its name
	Gate    Gate
	// Until is when the next call may go; zero, or in the past, for at once.
	Until time.Time
	// InFlight is how many calls run.
	InFlight int
	// Enrolled is false until the store knows the backend and owes it everybody,
	// and from when somebody has withdrawn it.
	Enrolled bool
}

// Backends tells how each of Options.Backends is doing, in their order. It asks
// neither the store nor the backend, and so answers at once, also while these hang.
// What is owed to them tells Backlogs.
func (m *Middleware) Backends() []BackendState {
	states := make([]BackendState, len(m.deliverers))
	now := time.Now()
	for i, d := range m.deliverers {
		states[i] = d.state(now)
	}
	return states
}

// A doing is what a deliverer shows to other goroutines.
type doing struct {
	gate      gate
	inFlight  int
	withdrawn bool
}

// show lets Backends see how it stands.
func (d *deliverer) show() {
	d.shownMu.Lock()
	defer d.shownMu.Unlock()
	d.shown = doing{gate: d.gate, inFlight: d.inFlight, withdrawn: d.withdrawn}
}

func (d *deliverer) state(now time.Time) BackendState {
	d.shownMu.Lock()
	s := d.shown
	d.shownMu.Unlock()
	return BackendState{
		Backend: d.name, Gate: s.gate.state(now), Until: s.gate.next(),
		InFlight: s.inFlight, Enrolled: d.enrolled.Load() && !s.withdrawn,
	}
}
