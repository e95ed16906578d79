module github.com/rollcall-go/rollcall/internal/benchmarks

go 1.26.0

require github.com/rollcall-go/rollcall v0.0.0

replace github.com/rollcall-go/rollcall => ../..
