package sqlitestore

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

// requireVersion refuses an SQLite whose log can lose commits when several
// connections write (https://www.sqlite.org/wal.html, "the WAL-reset bug").
func (s *Store) requireVersion() error {
	dest := make([]driver.Value, 1)
	if _, err := s.writer.row("SELECT sqlite_version()", dest); err != nil {
		return err
	}
	version, _ := dest[0].(string)
	if !recent(version) {
		return fmt.Errorf("SQLite %s can lose commits; build with a modernc.org/sqlite that holds 3.51.3 or later", version)
	}
	return nil
}

func recent(version string) bool {
	need := [...]int{3, 51, 3}
	parts := strings.Split(version, ".")
	for i, n := range need {
		if i == len(parts) {
			return false
		}
		have, err := strconv.Atoi(parts[i])
		if err != nil || have < n {
			return false
		}
		if have > n {
			return true
		}
	}
	return true
}
