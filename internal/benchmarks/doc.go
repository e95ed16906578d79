// Command benchmarks measures rollcall against what people use instead, and prints
// one table of ratios.
//
//	go run . [-rows regexp] [-rounds n] [-quick] [-large] [-write]
//
// The sides of a subject take turns in one run, so that whatever else the machine does
// falls on all of them alike. A ratio is made of one turn of each; the table has the
// median of the rounds, with the lowest and the highest. Read the ratios, not the
// times.
//
// To add a subject:
//
//  1. Write row_<subject>.go with a function that returns a Subject, and name it in
//     subjects (subjects.go).
//  2. Give it Sides, ours and those of others. What is small enough to be repeated is a
//     Loop: it is called with a count, and read in ns, allocations and bytes an
//     operation, and in instructions where the subject asks for them. What takes
//     seconds is a Once, which returns a Reading with whatever it counted.
//  3. Both get an Env: a context, a folder that is empty, and Cleanup. What is done
//     before the loop is returned is not measured, and of a Once what is outside of
//     its calls of Measure.
//  4. Say in Claims what is wanted of the Readings. Limit says what bounds the row, and
//     Possible by which figure, where one is known.
//     A Guard is the looser bound of "-quick", which the tests run: give one only to
//     what no other work on the machine moves, such as allocations.
//
// A Curve is a cost at several numbers of people; add it to curves. Each claim and
// curve is one entry of docs/benchmarks.json; -write makes docs/benchmarks.md,
// the SVGs beside it and the README's block from that file, -rows keeps the entries that
// were not measured again, and "-rounds 0 -write" measures nothing: run that after a change
// of what is said of a row, or of how it is shown. Without
// -large the points of 10 M people in a store's file stay as they were: to measure them
// takes some minutes and 4 GB of disk, in a folder that is removed again.
package main
