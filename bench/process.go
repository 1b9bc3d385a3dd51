package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// startPatience is how long a server may take until it is ready.
	startPatience = 20 * time.Second
	// stopPatience is how long one may take to stop before it is killed.
	stopPatience = 8 * time.Second
	// pollInterval is how often readiness is asked for.
	pollInterval = 10 * time.Millisecond
)

// process is a server that this program started.
type process struct {
	name    string
	address string // host:port where it serves
	cmd     *exec.Cmd
	env     []string // beside this program's own
	log     string   // file with what it printed
	ended   chan struct{}
}

// start runs a server. It has a process group of its own, so that a Ctrl-C at
// the terminal comes to this program alone, which then stops its servers; and it
// dies with this program, however that ends, where the system can do that.
func (shop *workshop) start(name, address, program string, env []string, args ...string) (*process, error) {
	shop.started++
	p := &process{
		name: name, address: address, cmd: exec.Command(program, args...), env: env, ended: make(chan struct{}),
		log: filepath.Join(shop.dir, fmt.Sprintf("%d-%s.log", shop.started, name)),
	}
	file, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p.cmd.Dir = shop.dir // where no configuration file lies
	p.cmd.Env = append(cleanEnvironment(), env...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	shop.running = append(shop.running, p)
	go func() {
		_ = p.cmd.Wait() // how it ended, its log says
		close(p.ended)
	}()
	return p, nil
}

// cleanEnvironment is this program's without settings of Xylem.
func cleanEnvironment() []string {
	var clean []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "XYLEM_") {
			clean = append(clean, variable)
		}
	}
	return clean
}

// stop asks the process to end, and makes it end if it does not in time.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-time.After(stopPatience):
	}
	fmt.Fprintf(os.Stderr, "bench: %s did not stop within %v and is killed\n", p.name, stopPatience)
	p.kill()
}

// kill ends the process at once, as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// again starts a process that has ended once more, as it was.
func (shop *workshop) again(p *process) (*process, error) {
	return shop.start(p.name, p.address, p.cmd.Path, p.env, p.cmd.Args[1:]...)
}

// await asks ready until it says yes, the process ends or patience is over.
func (p *process) await(ctx context.Context, what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", p.name, p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w; its log: %s", p.name, what, err, p.logTail())
		case <-time.After(pollInterval):
		}
	}
}

// logTail is the end of what the process printed.
func (p *process) logTail() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// answering reports whether the server takes connections.
func (p *process) answering(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// freeAddress is an address of this machine that nobody listens at.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
