package store

import "iter"

// Pages is [Store.List] for a store that reads page by page: it asks page for up
// to size records behind Filter.After, in the order of [Key.Compare], until there
// are fewer. Records that page returns beside an error are yielded before it. No
// page is read while the consumer works on the one before.
func Pages(f Filter, size int, page func(f Filter, size int) ([]Record, error)) iter.Seq2[Profile, error] {
	return func(yield func(Profile, error) bool) {
		f := f
		for left := f.Limit; f.Limit <= 0 || left > 0; {
			want := size
			if f.Limit > 0 {
				want = min(want, left)
			}
			records, err := page(f, want)
			for _, r := range records {
				if !yield(r.Profile(), nil) {
					return
				}
			}
			if err != nil {
				yield(Profile{}, err)
				return
			}
			if len(records) < want {
				return
			}
			f.After = records[len(records)-1].Key
			left -= len(records)
		}
	}
}
