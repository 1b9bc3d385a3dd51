package servers

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
	startPatience = time.Minute
	// stopPatience is how long one may take to stop before it is killed.
	stopPatience = 8 * time.Second
	// PollInterval is how often readiness is asked for.
	PollInterval = 10 * time.Millisecond
)

// Process is a server that this program started.
type Process struct {
	// Name is what it is called.
	Name string
	// Address is host:port where it serves.
	Address string
	cmd     *exec.Cmd
	env     []string // beside this program's own
	log     string   // file with what it printed
	ended   chan struct{}
}

// start runs a server. It has a process group of its own, so that a Ctrl-C at
// the terminal comes to this program alone, which then stops its servers; and it
// dies with this program, however that ends, where the system can do that.
func (shop *Workshop) start(name, address, program string, env []string, args ...string) (*Process, error) {
	shop.started++
	p := &Process{
		Name: name, Address: address, cmd: exec.Command(program, args...), env: env, ended: make(chan struct{}),
		log: filepath.Join(shop.Dir, fmt.Sprintf("%d-%s.log", shop.started, name)),
	}
	file, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p.cmd.Dir = shop.Dir // where no configuration file lies
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

// Stop asks the process to end, and makes it end if it does not in time.
func (p *Process) Stop() {
	p.Thaw()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-time.After(stopPatience):
	}
	fmt.Fprintf(os.Stderr, "bench: %s did not stop within %v and is killed\n", p.Name, stopPatience)
	p.Kill()
}

// Kill ends the process at once, as kill -9 does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Freeze stops the process where it is: its connections stay open, and nothing
// answers.
func (p *Process) Freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a process go on that was frozen.
func (p *Process) Thaw() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Again starts a process that has ended once more, as it was.
func (shop *Workshop) Again(p *Process) (*Process, error) {
	return shop.start(p.Name, p.Address, p.cmd.Path, p.env, p.cmd.Args[1:]...)
}

// Await asks ready until it says yes, the process ends or patience is over.
func (p *Process) Await(ctx context.Context, what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", p.Name, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w; its log: %s", p.Name, what, err, p.LogTail())
		case <-time.After(PollInterval):
		}
	}
}

// Log is the file with what the process printed.
func (p *Process) Log() string { return p.log }

// LogTail is the end of what the process printed.
func (p *Process) LogTail() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Answering reports whether the server takes connections.
func (p *Process) Answering(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// FreeAddress is an address of this machine that nobody listens at.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
