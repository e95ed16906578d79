package telegram

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Proxies and HTTP clients put the URL of a request into their errors, escaped
// as a path or as the value of a query.
func TestTokenIsRedactedHoweverItIsEscaped(t *testing.T) {
	t.Parallel()
	const token = "110201543:AAHdq,Tcv CH1"
	texts := 0
	for name, form := range map[string]string{
		"as it is":      token,
		"in a path":     "110201543:AAHdq%2CTcv%20CH1",
		"in a query":    "110201543%3AAAHdq%2CTcv+CH1",
		"more than one": token + " and 110201543%3AAAHdq%2CTcv+CH1",
	} {
		planted := errors.New("proxy refuses bot" + form + "/sendMessage")
		for _, err := range []error{planted, &url.Error{Op: "Post", URL: "http://x", Err: planted}} {
			got := redact(err, token)
			for e := got; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), "AAHdq") {
					t.Errorf("%s: %v", name, e)
				}
				texts++
			}
			if !strings.Contains(got.Error(), "proxy refuses bot<token>") {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	t.Attr("figure", fmt.Sprintf("0 in %d texts", texts))
}

func TestErrorsWithoutTheTokenAreReturnedAsTheyAre(t *testing.T) {
	t.Parallel()
	planted := errors.New("planted")
	if err := redact(planted, "110201543:AAHdq"); err != planted {
		t.Errorf("became %v", err)
	}
	if err := redact(planted, ""); err != planted {
		t.Errorf("became %v", err)
	}
	if err := redact(nil, "110201543:AAHdq"); err != nil {
		t.Errorf("became %v", err)
	}
}
