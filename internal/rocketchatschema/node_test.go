package rocketchatschema_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A question is what check.mjs is asked: does body pass this schema?
type question struct {
	Schema string `json:"schema"`
	Body   any    `json:"body"`
}

// ask returns the first error of each body, "" for those that pass.
func ask(t *testing.T, questions []question) []string {
	t.Helper()
	program := bundle(t)
	input, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", program)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var verdicts []string
	if err := json.Unmarshal(output, &verdicts); err != nil || len(verdicts) != len(questions) {
		t.Fatalf("%d verdicts on %d questions: %v", len(verdicts), len(questions), err)
	}
	return verdicts
}

// bundle returns the path of the program, which is made once, or skips the test.
func bundle(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" || os.Getenv("ROLLCALL_REQUIRE_NODE") != "" {
			t.Fatalf("%s is not installed (on Debian: apt-get install nodejs npm)", tool)
		}
		t.Skipf("%s is not installed, so Rocket.Chat's schemas cannot be asked (on Debian: apt-get install nodejs npm)", tool)
	}
	made := makeBundle()
	if made.err != nil {
		t.Fatal(made.err)
	}
	return made.path
}

type built struct {
	path string
	err  error
}

var makeBundle = sync.OnceValue(func() built {
	path, err := build()
	return built{path, err}
})

var sources = []string{"package.json", "package-lock.json", "check.mjs"}

// build installs the packages into a directory of its own, joins them to one file
// and removes the rest. The file's name tells what it was made of.
func build() (string, error) {
	sum := sha256.New()
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	cache, err := filepath.Abs(filepath.Join("..", "..", ".cache", "rocketchatschema"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, hex.EncodeToString(sum.Sum(nil)[:8])+".mjs")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, "install-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	for _, command := range [][]string{
		{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=5"},
		{"node", "node_modules/esbuild/bin/esbuild", "check.mjs", "--bundle", "--platform=node", "--format=esm", "--outfile=bundle.mjs"},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = dir
		if output, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", command, err, output)
		}
	}
	return program, os.Rename(filepath.Join(dir, "bundle.mjs"), program)
}
