package pgtest

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed" // for keeper.sh
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-go/rollcall/internal/loopback"
)

// A Server is a private Postgres.
type Server struct {
	// DSN is where it is. It stays the same when the server is stopped and
	// started.
	DSN string

	folder  string
	keeper  *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
}

// The server's parent is this script, which learns from a pipe that the test
// binary is gone, also where that was killed.
//
//go:embed keeper.sh
var keeperScript string

// start starts a server. With sync off, what it holds outlives its processes but
// not the machine.
func start(sync string) (*Server, error) {
	bin, err := binaries()
	if errors.Is(err, errMissing) && hasDocker() {
		return startContainer(sync)
	}
	if err != nil {
		return nil, err
	}
	var failures []error
	for range 3 { // somebody else may take the port first
		s, err := startIn(bin, sync)
		if err == nil {
			return s, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// places are where Postgres is looked for, beside the PATH.
var places = []string{"/usr/lib/postgresql/*/bin", "/usr/local/bin", "/usr/local/pgsql/bin"}

// binaries returns the folder of the newest Postgres.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		// A link in the PATH may stand alone.
		if path, err = filepath.EvalSymlinks(path); err == nil && hasServer(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, place := range places {
		folders, err := filepath.Glob(place)
		if err != nil {
			return "", err
		}
		slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
		for _, folder := range folders {
			if hasServer(folder) {
				return folder, nil
			}
		}
	}
	return "", errMissing
}

func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

func hasServer(folder string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// prepare returns a server that is to be started, with a folder, a password and a port.
func prepare() (s *Server, password, port string, err error) {
	number, err := loopback.Port()
	if err != nil {
		return nil, "", "", err
	}
	port = strconv.Itoa(number)
	folder, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, "", "", err
	}
	password = rand.Text()
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword("rollcall", password), Host: net.JoinHostPort("127.0.0.1", port), Path: "/postgres",
		RawQuery: "sslmode=disable",
	}
	return &Server{DSN: address.String(), folder: folder}, password, port, nil
}

func startIn(bin, sync string) (s *Server, err error) {
	s, password, port, err := prepare()
	if err != nil {
		return nil, err
	}
	folder := s.folder
	defer func() {
		if err != nil {
			_ = os.RemoveAll(folder)
		}
	}()
	if err := os.WriteFile(filepath.Join(folder, "password"), []byte(password), 0o600); err != nil {
		return nil, err
	}
	owner, err := unprivileged(folder, filepath.Join(folder, "password"))
	if err != nil {
		return nil, err
	}
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), name, args...)
		cmd.Dir = folder
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C"}
		cmd.SysProcAttr = owner
		return cmd
	}
	out, err := run(filepath.Join(bin, "initdb"), "-D", filepath.Join(folder, "data"), "-U", "rollcall",
		"--pwfile", filepath.Join(folder, "password"), "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pgtest: initdb: %w: %s", err, out)
	}
	s.keeper = run("/bin/sh", "-c", keeperScript, "keeper", bin, folder, port, sync)
	if err := s.keep(); err != nil {
		return nil, err
	}
	if err := s.ready(); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// keep starts the keeper.
func (s *Server) keep() (err error) {
	if s.orders, err = s.keeper.StdinPipe(); err != nil {
		return err
	}
	answers, err := s.keeper.StdoutPipe()
	if err != nil {
		return err
	}
	s.answers = bufio.NewReader(answers)
	if err := s.keeper.Start(); err != nil {
		return fmt.Errorf("pgtest: start Postgres: %w", err)
	}
	return nil
}

// ready waits until the server lets somebody in.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DSN)
		if err == nil {
			return conn.Close(ctx)
		}
		log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
		if ctx.Err() != nil || strings.Contains(string(log), "could not create any TCP/IP sockets") {
			return fmt.Errorf("pgtest: Postgres does not start: %s", log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server in an orderly way, and cuts all connections.
func (s *Server) Stop() error { return s.order("stop") }

// Crash ends the server so that the next start has to recover.
func (s *Server) Crash() error { return s.order("crash") }

// Start starts the server that was stopped, and waits until it is ready.
func (s *Server) Start() error {
	if err := s.order("start"); err != nil {
		return err
	}
	return s.ready()
}

func (s *Server) order(word string) error {
	if _, err := io.WriteString(s.orders, word+"\n"); err != nil {
		return fmt.Errorf("pgtest: %s: %w", word, err)
	}
	answer, err := s.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("pgtest: %s: %w", word, err)
	}
	if answer != "done\n" {
		log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
		return fmt.Errorf("pgtest: %s: %s: %s", word, strings.TrimSpace(answer), log)
	}
	return nil
}

func (s *Server) end() error { return errors.Join(s.orders.Close(), s.keeper.Wait()) }
