package natstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcall-go/rollcall/internal/loopback"
	"github.com/rollcall-go/rollcall/store/natsstore"
)

// A node is one server, a process of its own, which keeps its port and its files
// when it is started again.
type node struct {
	config config
	cmd    *exec.Cmd
	stdin  io.Closer
}

type config struct {
	Name        string
	Port        int
	Dir         string
	ClusterPort int           // 0: no cluster
	Routes      []string      // of the cluster
	Cleanup     time.Duration // how often files are cleaned up; 0: the default
	Domain      string        // of its JetStream; "" is that of no other
	LeafPort    int           // where it takes leaf nodes; 0: nowhere
	LeafOf      string        // the address that it is a leaf node of
	MaxStore    int64         // bytes that it keeps at the most; 0: the default
}

// serve runs a node until standard input ends, as it does when the test ends.
func serve(text string) error {
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	o := &server.Options{
		Host: "127.0.0.1", Port: c.Port, ServerName: c.Name, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: c.Dir, SyncAlways: true, SyncInterval: c.Cleanup, JetStreamDomain: c.Domain, JetStreamMaxStore: c.MaxStore,
	}
	if c.LeafPort != 0 {
		o.LeafNode = server.LeafNodeOpts{Host: "127.0.0.1", Port: c.LeafPort}
	}
	if c.LeafOf != "" {
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats-leaf", Host: c.LeafOf}}}}
	}
	if c.ClusterPort != 0 {
		o.Cluster = server.ClusterOpts{Name: "rollcall", Host: "127.0.0.1", Port: c.ClusterPort}
		for _, r := range c.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: r})
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (n *node) start(t testing.TB) {
	t.Helper()
	text, err := json.Marshal(n.config)
	if err != nil {
		t.Fatal(err)
	}
	n.cmd = process(context.Background(), t, "node "+string(text))
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the node as a power cut of its process would.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait() // it says that it was killed
}

// stop ends the node as an operator does.
func (n *node) stop(t testing.TB) {
	t.Helper()
	if err := n.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (n *node) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.config.Port) }

func freePort(t testing.TB) int {
	t.Helper()
	port, err := loopback.Port()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// single runs one node until the test ends.
func single(t testing.TB) *node {
	t.Helper()
	n := &node{config: config{Name: "n0", Port: freePort(t), Dir: t.TempDir()}}
	n.start(t)
	t.Cleanup(func() { n.kill() })
	awaitReady(t, n)
	return n
}

// cluster runs three nodes until the test ends.
func cluster(t testing.TB) []*node {
	t.Helper()
	dir := t.TempDir()
	nodes := make([]*node, 3)
	var routes []string
	for i := range nodes {
		nodes[i] = &node{config: config{
			Name: fmt.Sprintf("n%d", i), Port: freePort(t), ClusterPort: freePort(t), Dir: filepath.Join(dir, fmt.Sprint(i)),
		}}
		routes = append(routes, fmt.Sprintf("127.0.0.1:%d", nodes[i].config.ClusterPort))
	}
	for _, n := range nodes {
		n.config.Routes = routes
		n.start(t)
		t.Cleanup(func() { n.kill() })
	}
	awaitReady(t, nodes...)
	return nodes
}

// awaitReady waits until each node keeps a stream.
func awaitReady(t testing.TB, nodes ...*node) {
	t.Helper()
	js, closeConn, err := dial(urls(nodes))
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn()
	await(t, "the servers are not ready", func(ctx context.Context) bool {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "READY", Replicas: len(nodes)})
		return err == nil && leader(ctx, nodes, js, "READY") != nil
	})
	await(t, "the servers do not delete a stream", func(ctx context.Context) bool {
		err := js.DeleteStream(ctx, "READY")
		return err == nil || errors.Is(err, jetstream.ErrStreamNotFound) // an answer may have been lost
	})
}

// leader returns the node that leads the stream, if all the others follow.
func leader(ctx context.Context, nodes []*node, js jetstream.JetStream, stream string) *node {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return nil
	}
	info := s.CachedInfo().Cluster
	if info == nil || len(nodes) == 1 {
		return nodes[0]
	}
	following := 0
	for _, r := range info.Replicas {
		if r.Current && !r.Offline {
			following++
		}
	}
	for _, n := range nodes {
		if n.config.Name == info.Leader && following == len(nodes)-1 {
			return n
		}
	}
	return nil
}

// await asks until the answer is yes. What is asked while there is no leader is lost,
// so at first it does not wait for long.
func await(t testing.TB, failure string, done func(ctx context.Context) bool) {
	t.Helper()
	try := time.Second / 2
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), try)
		ok := done(ctx)
		if ctx.Err() != nil {
			try = min(2*try, 10*time.Second)
		}
		cancel()
		if ok {
			return
		}
	}
	t.Fatal(failure)
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
