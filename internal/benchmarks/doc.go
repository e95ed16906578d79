// Package benchmarks measures rollcall against what people use instead.
package benchmarks
