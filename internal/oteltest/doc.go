// Package oteltest holds what otelrollcall shows to what its documentation says,
// with OpenTelemetry's real SDK, a scrape of its real Prometheus exporter, and
// Prometheus's own engine, which evaluates every panel of docs/grafana.json and every
// alert of docs/telemetry.md. It is a module of its own, so that all these get into
// nobody else's go.sum:
//
//	cd internal/oteltest && go test ./...
package oteltest
