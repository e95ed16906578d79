package natstest

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/store/natsstore"
)

// A node is one server, which keeps its port and its files when it is restarted.
type node struct {
	options server.Options
	server  *server.Server
}

func (n *node) start(t testing.TB) {
	t.Helper()
	o := n.options
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	n.server = s
}

func (n *node) stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

func (n *node) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.options.Port) }

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func options(t testing.TB, dir string) server.Options {
	t.Helper()
	return server.Options{
		Host: "127.0.0.1", Port: freePort(t), NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, SyncAlways: true,
	}
}

// single runs one node until the test ends.
func single(t testing.TB) *node {
	t.Helper()
	n := &node{options: options(t, t.TempDir())}
	n.start(t)
	t.Cleanup(n.stop)
	return n
}

// cluster runs three nodes until the test ends.
func cluster(t testing.TB) []*node {
	t.Helper()
	dir := t.TempDir()
	nodes := make([]*node, 3)
	var routes []*url.URL
	for i := range nodes {
		o := options(t, filepath.Join(dir, fmt.Sprint(i)))
		o.ServerName = fmt.Sprintf("n%d", i)
		o.Cluster = server.ClusterOpts{Name: "rollcall", Host: "127.0.0.1", Port: freePort(t)}
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", o.Cluster.Port)})
		nodes[i] = &node{options: o}
	}
	for _, n := range nodes {
		n.options.Routes = routes
		n.start(t)
		t.Cleanup(func() { n.stop() })
	}
	awaitLeader(t, nodes)
	return nodes
}

// awaitLeader waits until the cluster is able to make streams.
func awaitLeader(t testing.TB, nodes []*node) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		current := 0
		for _, n := range nodes {
			if n.server.Running() && n.server.JetStreamIsCurrent() {
				current++
			}
		}
		if current == len(nodes) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the cluster has no leader")
		}
	}
}

func connect(t testing.TB, nodes ...*node) jetstream.JetStream {
	t.Helper()
	js, closeConn, err := dial(urls(nodes))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeConn)
	return js
}

func urls(nodes []*node) string {
	list := ""
	for i, n := range nodes {
		if i > 0 {
			list += ","
		}
		list += n.url()
	}
	return list
}

func dial(urls string) (jetstream.JetStream, func(), error) {
	nc, err := nats.Connect(urls, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return js, nc.Close, nil
}

func open(t testing.TB, js jetstream.JetStream, bucket string, replicas int) *natsstore.Store {
	t.Helper()
	st, err := natsstore.New(t.Context(), js, &natsstore.Options{Bucket: bucket, Replicas: replicas, SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}
