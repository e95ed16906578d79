// Package storetest checks a store.
package storetest
