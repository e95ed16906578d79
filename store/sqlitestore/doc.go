// Package sqlitestore keeps profiles in one SQLite file.
package sqlitestore
