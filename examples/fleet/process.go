package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// patience is how long an act may take, and a process that was told to end.
const patience = time.Minute

// A process is one of the others. Each is this program with a role.
type process struct {
	role  role
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}
	err   error // once ended
}

// start starts a process. It ends when ctx does.
func (r role) start(ctx context.Context, stderr io.Writer, tell func(report)) (*process, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{role: r, cmd: exec.CommandContext(ctx, exe), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	p.cmd.Stderr = stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.cmd.Cancel = p.stdin.Close
	p.cmd.WaitDelay = patience
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			told := report{}
			if json.Unmarshal(lines.Bytes(), &told) == nil { // a killed process may end in the middle of a line
				told.Process = r.Name
				tell(told)
			}
		}
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// kill ends a process as kill -9 does: it cannot clean up.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// end lets a process come to its end, and returns when nothing of it is left.
func (p *process) end() error {
	_ = p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.kill()
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.role.Name, p.err)
	}
	return nil
}
