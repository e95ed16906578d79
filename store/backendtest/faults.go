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
	name  string // what the service did: "answered 503"
	waits bool   // it ends with the ctx of the call, or never
	blank int    // the status of an answer that has no body, else 0
	serve func(in *injector, w http.ResponseWriter, r *http.Request)
}

// at says where a fault was, of "a delivery" or "an erasure".
func (f fault) at(nth int, of string) string {
	if nth == 0 {
		return fmt.Sprintf("the service %s, at every request of %s", f.name, of)
	}
	return fmt.Sprintf("the service %s, at request %d of %s", f.name, nth, of)
}

// passed is no fault: the double answers, and the injector counts.
var passed = fault{name: "none", serve: func(in *injector, w http.ResponseWriter, r *http.Request) { in.double.ServeHTTP(w, r) }}

// learned is no fault either: the injector remembers where the double says nothing.
var learned = fault{name: "none", serve: func(in *injector, w http.ResponseWriter, r *http.Request) {
	l := &listener{ResponseWriter: w, status: http.StatusOK}
	in.double.ServeHTTP(l, r)
	if !l.spoke {
		in.learn(r.Method, l.status)
	}
}}

// A listener hears what an answer says.
type listener struct {
	http.ResponseWriter
	status int
	spoke  bool
}

func (l *listener) WriteHeader(status int) {
	l.status = status
	l.ResponseWriter.WriteHeader(status)
}

func (l *listener) Write(b []byte) (int, error) {
	l.spoke = l.spoke || len(b) > 0
	return l.ResponseWriter.Write(b)
}

func (l *listener) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// blank makes a fault of an answer without a body.
func blank(status int) fault {
	f := answer(fmt.Sprintf("answered %d without a body", status), status, "", "")
	f.blank = status
	return f
}

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
	answer("answered 500", http.StatusInternalServerError, "application/json", `{"error":"out of order"}`),
	answer("answered 502 with an HTML page", http.StatusBadGateway, "text/html", page),
	answer("answered 503", http.StatusServiceUnavailable, "text/plain", "maintenance"),
	blank(http.StatusGatewayTimeout),
	blank(http.StatusRequestTimeout),
}

var silent = []fault{
	{name: "did not answer", waits: true, serve: func(in *injector, _ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-in.closing:
		}
	}},
	{name: "answered one space a millisecond, without end", waits: true, serve: func(in *injector, w http.ResponseWriter, r *http.Request) {
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
	raw("reset the connection before it answered", func(_ *injector, conn net.Conn, _ *http.Request) { reset(conn) }),
	raw("reset the connection within its answer", func(_ *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"success\":")
		reset(conn)
	}),
	raw("closed the connection within its answer", func(_ *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{}")
	}),
	raw("answered something that is not HTTP", func(_ *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n\x00\x01\x02\r\n\r\n")
	}),
}

var falseAnswers = []fault{
	blank(http.StatusOK),
	answer("answered 200 with an HTML page", http.StatusOK, "text/html", page),
	answer("answered 200 with half of its JSON", http.StatusOK, "application/json", `{"success":true,"statusCode":200,"data":{"user`),
	answer("answered 200 with JSON whose values have the wrong types", http.StatusOK, "application/json",
		`{"success":"true","statusCode":"200","status":{},"data":[],"user":42,"id":{"a":1},"_id":[],"error":7,"errors":"none","message":[]}`),
	answer("answered 200 with the body null", http.StatusOK, "application/json", "null"),
	answer("answered 200 with the body []", http.StatusOK, "application/json", "[]"),
	answer("answered 200 with JSON that is 10,000 deep", http.StatusOK, "application/json", strings.Repeat(`{"data":[`, 5000)+"1"+strings.Repeat("]}", 5000)),
	blank(http.StatusNoContent),
}

var endless = []fault{
	{name: "answered a body without end", serve: func(in *injector, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true,"data":"`)
		in.flood(w, bytes.Repeat([]byte("a"), 64<<10))
	}},
	{name: "answered 16 MiB packed into 16 KiB of gzip", serve: func(_ *injector, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb())
	}},
	raw("answered headers without end", func(in *injector, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		in.flood(conn, []byte(strings.Repeat("X-Flood: "+strings.Repeat("a", 1000)+"\r\n", 64)))
	}),
	raw("answered 103 without end", func(in *injector, conn net.Conn, _ *http.Request) {
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
	return fault{name: fmt.Sprintf("answered %d to another host", status), serve: func(_ *injector, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", host+r.URL.RequestURI())
		w.WriteHeader(status)
	}}
}

// echo says the whole request back, in the status line, a header and the body.
func echo(status int) fault {
	return fault{name: fmt.Sprintf("answered %d and repeated the request", status), serve: func(_ *injector, w http.ResponseWriter, r *http.Request) {
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
var lost = fault{name: "carried it out, and its answer was lost", serve: func(in *injector, w http.ResponseWriter, r *http.Request) {
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
