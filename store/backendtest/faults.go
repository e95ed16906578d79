package backendtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A fault is one way in which a service, or what stands before it, answers badly.
type fault struct {
	name  string
	waits bool // it ends with the ctx of the call, or never
	serve func(in *injector, w http.ResponseWriter, r *http.Request)
}

// passed is no fault: the double answers, and the injector counts.
var passed = fault{name: "none", serve: func(in *injector, w http.ResponseWriter, r *http.Request) { in.double.ServeHTTP(w, r) }}

// answer makes a fault of an answer that is always the same.
func answer(name string, status int, contentType, body string, headers ...string) fault {
	return fault{name: name, serve: func(_ *injector, w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

// raw makes a fault of bytes that are not written by an HTTP server.
func raw(name string, write func(in *injector, conn net.Conn, r *http.Request)) fault {
	return fault{name: name, serve: func(in *injector, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		write(in, conn, r)
	}}
}

// reset ends a connection so that what was not read yet is lost.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

const (
	page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome to the network</h1></body></html>"
	most = 16 << 20 // bytes of an answer without end, which must not all be read
)

var sick = []fault{
	answer("500", http.StatusInternalServerError, "application/json", `{"error":"out of order"}`),
	answer("502 with a page", http.StatusBadGateway, "text/html", page),
	answer("503", http.StatusServiceUnavailable, "text/plain", "maintenance"),
	answer("504 without a body", http.StatusGatewayTimeout, "", ""),
	answer("408", http.StatusRequestTimeout, "", ""),
}

var silent = []fault{
	{name: "no answer at all", waits: true, serve: func(in *injector, _ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-in.closing:
		}
	}},
	{name: "a slow drip", waits: true, serve: func(in *injector, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		for {
			if _, err := io.WriteString(w, " "); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-in.closing:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}},
	raw("a reset before the answer", func(_ *injector, conn net.Conn, _ *http.Request) { reset(conn) }),
	raw("a reset in the answer", func(_ *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"success\":")
		reset(conn)
	}),
	raw("an end in the answer", func(_ *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{}")
	}),
	raw("garbage in the place of HTTP", func(_ *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n\x00\x01\x02\r\n\r\n")
	}),
}

var falseAnswers = []fault{
	answer("an empty 200", http.StatusOK, "application/json", ""),
	answer("a page at 200", http.StatusOK, "text/html", page),
	answer("half of JSON", http.StatusOK, "application/json", `{"success":true,"statusCode":200,"data":{"user`),
	answer("JSON of wrong types", http.StatusOK, "application/json",
		`{"success":"true","statusCode":"200","status":{},"data":[],"user":42,"id":{"a":1},"_id":[],"error":7,"errors":"none","message":[]}`),
	answer("null", http.StatusOK, "application/json", "null"),
	answer("a list", http.StatusOK, "application/json", "[]"),
	answer("JSON 10,000 deep", http.StatusOK, "application/json", strings.Repeat(`{"data":[`, 5000)+"1"+strings.Repeat("]}", 5000)),
	answer("204", http.StatusNoContent, "", ""),
}

var endless = []fault{
	{name: "a body without end", serve: func(in *injector, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true,"data":"`)
		in.flood(w, bytes.Repeat([]byte("a"), 64<<10))
	}},
	{name: "a gzip bomb", serve: func(_ *injector, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb())
	}},
	raw("headers without end", func(in *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		in.flood(conn, []byte(strings.Repeat("X-Flood: "+strings.Repeat("a", 1000)+"\r\n", 64)))
	}),
	raw("100 Continue without end", func(in *injector, conn net.Conn, _ *http.Request) {
		in.flood(conn, []byte(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000)))
	}),
}

// flood writes until the other side has had enough, or far more than it should
// have read.
func (in *injector) flood(w io.Writer, chunk []byte) {
	total := 0
	for total < most {
		n, err := w.Write(chunk)
		total += n
		if err != nil {
			return
		}
	}
	in.mu.Lock()
	in.flooded = true
	in.mu.Unlock()
}

// bomb is 16 MiB of JSON in some 16 KiB: gzip files that follow one another are
// one.
var bomb = sync.OnceValue(func() []byte {
	packed := func(text []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(text)
		_ = z.Close()
		return b.Bytes()
	}
	return slices.Concat(
		packed([]byte(`{"success":true,"data":"`)),
		bytes.Repeat(packed(bytes.Repeat([]byte("a"), 1<<20)), 16),
		packed([]byte(`"}`)))
})

// redirect sends to the same path on another host.
func redirect(status int, host string) fault {
	return fault{name: fmt.Sprint(status), serve: func(_ *injector, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", host+r.URL.RequestURI())
		w.WriteHeader(status)
	}}
}

// echo says the whole request back, in the status line, a header and the body.
func echo(status int) fault {
	return fault{name: fmt.Sprintf("%d that repeats the request", status), serve: func(_ *injector, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var said strings.Builder
		fmt.Fprintf(&said, "%s %s", r.URL, body)
		for name, values := range r.Header {
			fmt.Fprintf(&said, " %s: %s", name, values)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		line := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, said.String())
		text := fmt.Sprintf("%q", line)
		answer := fmt.Sprintf(`{"success":false,"statusCode":%d,"apiCode":%s,"code":%s,"error":%s,"errorType":%s,"message":%s,"errors":[{"message":%s}]}`,
			status, text, text, text, text, text, text)
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nX-Error: %s\r\nRetry-After: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			status, line, line, line, len(answer), answer)
	}}
}

// lost has the double carry the request out and loses the answer.
var lost = fault{name: "a lost answer", serve: func(in *injector, w http.ResponseWriter, r *http.Request) {
	in.double.ServeHTTP(discard{}, r)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	reset(conn)
	_ = conn.Close()
}}

// discard is where a lost answer goes.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
