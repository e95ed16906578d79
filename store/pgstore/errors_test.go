package pgstore

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollcall-go/rollcall/store"
)

// What a timeout of the server's ends may be tried again. Postgres 17 brought the last one.
func TestTimeoutsOfTheServerPass(t *testing.T) {
	for name, code := range map[string]string{
		"lock_timeout":                        "55P03",
		"statement_timeout":                   "57014",
		"idle_session_timeout":                "57P05",
		"idle_in_transaction_session_timeout": "25P03",
		"transaction_timeout":                 "25P04",
	} {
		if err := new(Store).classify(t.Context(), &pgconn.PgError{Code: code}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v does not wrap ErrUnavailable", name, err)
		}
	}
}
