package seen_test

import (
	"fmt"

	"github.com/rollcall-go/rollcall/internal/seen"
)

func Example() {
	const ann, asShePresentsHerself = 0x9e3779b97f4a7c15, 0xe7037ed1a0b428db // hashes
	table := seen.New(100_000)
	fmt.Println(table.Has(ann, asShePresentsHerself))
	table.Mark(ann, asShePresentsHerself, 0)
	fmt.Println(table.Has(ann, asShePresentsHerself))
	// Output:
	// false
	// true
}
