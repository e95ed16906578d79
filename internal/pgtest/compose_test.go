package pgtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A docker that notes how it is called. The container that it runs is this binary, as
// the engine below.
const fakeDocker = `#!/bin/sh
echo "$*" >>"$FAKE_DOCKER/calls"
case "$*" in
info) exit "$FAKE_INFO" ;;
*" up --detach --wait")
	"$FAKE_ENGINE" -test.run '^TestEngine$' >/dev/null 2>&1 &
	echo $! >"$FAKE_DOCKER/pid" ;;
*" stop" | *" kill" | *" down --volumes") kill -9 "$(cat "$FAKE_DOCKER/pid")" ;;
esac
`

// withoutPostgres is a machine that has this docker at the most. It returns where the
// calls are noted.
func withoutPostgres(t *testing.T, docker, info string) (calls string) {
	t.Helper()
	folder := t.TempDir()
	if docker != "" {
		if err := os.WriteFile(filepath.Join(folder, "docker"), []byte(docker), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
	}
	for _, name := range []string{"basename", "cat", "rm"} {
		if err := os.Symlink("/bin/"+name, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	t.Setenv("FAKE_DOCKER", folder)
	t.Setenv("FAKE_INFO", info)
	t.Setenv("FAKE_ENGINE", exe)
	before := places
	places = nil
	t.Cleanup(func() { places = before })
	return filepath.Join(folder, "calls")
}

// TestEngine is the container: the port that compose.yaml publishes leads to a
// Postgres, which lets in whom compose.yaml says.
func TestEngine(t *testing.T) {
	dsn := os.Getenv("FAKE_POSTGRES")
	if dsn == "" {
		t.Skip("is not called by the fake docker")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "ALTER ROLE rollcall PASSWORD '"+os.Getenv("PGTEST_PASSWORD")+"'"); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+os.Getenv("PGTEST_PORT"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		from, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		to, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("%s:%d", config.Host, config.Port))
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(to, from) }()
		go func() { _, _ = io.Copy(from, to) }()
	}
}

func TestContainerWhereThereIsNothingElse(t *testing.T) {
	behind := Private(t)
	pool := Connect(t, behind.DSN)
	if _, err := pool.Exec(t.Context(), "CREATE ROLE engine SUPERUSER LOGIN PASSWORD 'engine'"); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(behind.DSN)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("engine", "engine")
	t.Setenv("FAKE_POSTGRES", address.String())
	calls := withoutPostgres(t, fakeDocker, "0")

	s, err := start("on")
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []func() error{s.Stop, s.Crash} {
		pool := Connect(t, s.DSN)
		if err := errors.Join(pool.Ping(t.Context()), stop()); err != nil {
			t.Error(err)
		}
		if err := pool.Ping(t.Context()); err == nil {
			t.Error("a stopped server answers")
		}
		if err := s.Start(); err != nil {
			t.Error(err)
		}
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.folder); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
	said, err := os.ReadFile(calls)
	project := "compose --project-name " + filepath.Base(s.folder) + " --file " + s.folder + "/compose.yaml "
	got := strings.ReplaceAll(string(said), project, "")
	const up = "up --detach --wait\n"
	if want := "compose version\ninfo\n" + up + "stop\n" + up + "kill\n" + up + "down --volumes\n"; got != want || err != nil {
		t.Errorf("docker was told, %v:\n%s\nand not\n%s", err, got, want)
	}
}

// Without an engine, or any docker, there is no Postgres, and no failure of docker's.
func TestNothingAtAll(t *testing.T) {
	for name, docker := range map[string]string{"no docker": "", "no compose": "#!/bin/sh\nexit 1\n", "no engine": fakeDocker} {
		t.Run(name, func(t *testing.T) {
			withoutPostgres(t, docker, "1")
			if s, err := start("on"); !errors.Is(err, errMissing) {
				t.Errorf("started %v: %v", s, err)
			}
		})
	}
}

// What docker could not do is told, and nothing is left of it.
func TestContainerFails(t *testing.T) {
	calls := withoutPostgres(t, `#!/bin/sh
case "$*" in
*" up "*) echo "no such image"; exit 1 ;;
*" down "*) echo down >"$FAKE_DOCKER/calls" ;;
esac
`, "0")
	s, err := start("on")
	if err == nil || errors.Is(err, errMissing) || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("started %v: %v", s, err)
	}
	if said, err := os.ReadFile(calls); string(said) != "down\n" {
		t.Errorf("docker was told %q, %v", said, err)
	}
}

// compose.yaml asks for what startContainer gives, at a port of loopback alone.
func TestComposeFile(t *testing.T) {
	text := string(composeFile)
	for _, want := range []string{`["127.0.0.1:${PGTEST_PORT}:5432"]`, "POSTGRES_PASSWORD: ${PGTEST_PASSWORD}", "fsync=${PGTEST_FSYNC}", "POSTGRES_USER: rollcall"} {
		if !strings.Contains(text, want) {
			t.Errorf("compose.yaml has no %s", want)
		}
	}
}
