// Package prove shows, in one place, that rollcall keeps its promises: it harms no
// bot, loses no profile, leaks no secret, and forgets on request.
package prove
