// Package adaptertest checks an adapter.
package adaptertest
