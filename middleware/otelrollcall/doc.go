// Package otelrollcall shows a middleware.Middleware from outside: metrics and traces
// for OpenTelemetry, and so for Prometheus, Grafana, Tempo and all else that speaks
// its protocol.
//
//	tel, err := otelrollcall.New(nil)
//	...
//	mw, err := middleware.New(st, &middleware.Options{Tracer: tel, Backends: backends})
//	...
//	_, err = tel.Watch(mw)
//
// New takes the global providers, which your program sets up with OpenTelemetry's SDK
// and an exporter of its choice, before or after. Without that nothing is recorded,
// and it costs next to nothing. This package imports OpenTelemetry's API and no SDK,
// and nothing of rollcall imports this package.
//
// # Metrics
//
//	rollcall.observations           what became of observations at the store
//	rollcall.people.waiting         people who wait in memory to be saved
//	rollcall.people.expired         people who were erased, because there was no sign of life
//	rollcall.time_to_durable        from Observe until the store has committed
//	rollcall.commit.duration        one transaction of the store, or its refusal
//	rollcall.hooks.skipped          outcomes that no hook heard of
//	rollcall.backend.owed           people whom the store owes to a backend
//	rollcall.backend.dead_letters   people whom a backend will not take
//	rollcall.backend.gate           whether calls to a backend go
//	rollcall.backend.active_calls   calls that run
//	rollcall.backend.call.duration  one call
//	rollcall.backend.deliveries     what became of the people in the calls: delivered, retried, ...
//	rollcall.time_to_delivered      from when a backend was owed until it has accepted
//
// docs/telemetry.md of the repository has units, attributes and what to alert on, and
// docs/grafana.json is a dashboard of them. The bot's path stays as it is: counters
// that the Middleware has anyway are read when metrics are collected, and times are
// taken where the store or a backend has been asked, on the goroutine that asked.
//
// # Traces
//
// "commit people" is a transaction that saves up to 500 people, "deliver NAME" and
// "erase NAME" a call to a backend. Their contexts go on to store and backend: spans
// of pgx with a tracer, or of an otelhttp transport in a backend's Options, are
// children of them. A commit saves what many messages said, and a delivery may be days
// later and by another process, so both are roots and not children of a message. Many
// a second are for your SDK to sample.
//
// # People
//
// No attribute, name or event holds a name, a value, a token, a URL or the text of an
// error; errors are told by kind, as "error.type". Options.Keys adds to spans of calls
// whom they are about, and is off.
package otelrollcall
