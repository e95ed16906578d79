// Package backendtest holds a backend to the contract of [store.Backend]. Authors
// of backends call [Run] from a test of their own, with a double of the foreign
// service:
//
//	func TestContract(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T) backendtest.Fixture {
//			double := crmtest.New("the token")
//			return backendtest.Fixture{
//				Backend: func(baseURL string) (store.Backend, error) {
//					return crm.New("the token", &crm.Options{BaseURL: baseURL})
//				},
//				Double:  double,
//				Holds:   func(key store.Key) (map[store.Field]string, bool) { ... },
//				Secrets: []string{"the token"},
//			}
//		})
//	}
//
// Run serves the double on loopback behind a fault injector and drives the
// backend as the middleware does. Each property of the contract is a subtest, so
// that -run picks one:
//
//	go test -run 'TestContract/lost-answer'
//
// A failure says what the service did, what was wrong then and why it matters. All
// properties hold by default; one that a backend cannot have is left out with
// [Skip], whose reason the test prints. Where a backend is tried with several
// settings, [SkipFaults] saves time for all but one of them. Run with -race: one
// property delivers from several goroutines.
//
// Whatever a property asks, the text of every error is searched for secrets,
// values of profiles, paths and queries.
//
// What is not checked here, since it is the same for everybody who calls through
// package rest: TLS. And what a double cannot show: whether it is true to the
// service.
package backendtest
