package toxitest

import (
	"flag"
	"os"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// The tests wait more than they work, so that all may run at once. Each takes up to
// 4 of the server's 100 connections.
const atOnce = "16"

func TestMain(m *testing.M) {
	if task := os.Getenv(taskVariable); task != "" {
		os.Exit(otherProcess(task))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		println(err.Error())
		os.Exit(1)
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics log to a logger of their own
	goleak.VerifyTestMain(m,
		// A link whose toxic closed it can keep a goroutine that wants to hand on data.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}
