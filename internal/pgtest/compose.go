package pgtest

import (
	"context"
	_ "embed" // for the container
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

var (
	//go:embed compose.sh
	composeScript string
	//go:embed compose.yaml
	composeFile []byte
)

// hasDocker reports whether docker compose is there, and an engine that answers.
func hasDocker() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "compose", "version").Run() == nil && exec.CommandContext(ctx, "docker", "info").Run() == nil
}

// startContainer starts a server where there is docker and nothing else. The first
// time docker loads the image.
func startContainer(sync string) (*Server, error) {
	s, password, port, err := prepare()
	if err != nil {
		return nil, err
	}
	s.keeper = exec.CommandContext(context.Background(), "/bin/sh", "-c", composeScript, "keeper", s.folder)
	s.keeper.Env = append(os.Environ(), "PGTEST_PASSWORD="+password, "PGTEST_PORT="+port, "PGTEST_FSYNC="+sync)
	err = os.WriteFile(filepath.Join(s.folder, "compose.yaml"), composeFile, 0o600)
	if err == nil {
		err = s.keep()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}
