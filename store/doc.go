// Package store says what a profile is and how stores keep it.
package store
