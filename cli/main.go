// Command xylem runs a Xylem tree and talks to it: `xylem up` starts one on this machine, `xylem put NODE-6 hello
// world` writes to it. This package is the only place that wires the others together.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"xylem/node"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run is the whole program as a function; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	return newApp(stdin, stdout, stderr, env).run(args)
}

// app is what the commands share: where they read and write, and what tests put in the place of the real world.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
	now            func() time.Time
	newNode        func(node.Options) (runner, error)
	notify         func(chan<- os.Signal) // asks for the signals that stop a node
}

func newApp(stdin io.Reader, stdout, stderr io.Writer, env []string) *app {
	return &app{
		stdin: stdin, stdout: stdout, stderr: stderr, env: env, now: time.Now,
		newNode: func(opts node.Options) (runner, error) { return node.New(opts) },
		notify:  func(c chan<- os.Signal) { signal.Notify(c, os.Interrupt, syscall.SIGTERM) },
	}
}

func (a *app) run(args []string) int {
	root := a.rootCommand()
	root.SetArgs(spareNegativeNumbers(args))
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	status, text := explain(err)
	fmt.Fprintln(a.stderr, text)
	return status
}

// The exit statuses. Those of the store commands are part of the contract; interrupted is what shells report for a
// second Ctrl-C.
const (
	exitOK          = 0
	exitFailed      = 1 // an answer of 4xx or 5xx; a node that failed; a file or directory that is of no use
	exitUsage       = 2
	exitUnreachable = 3
	exitInterrupted = 130
)

// failure is an error with an exit status of its own. Errors that are none come from reading the command line, and are
// wrong usage.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is wrong usage, in the words of format.
func usage(format string, args ...any) error {
	return &failure{status: exitUsage, err: fmt.Errorf(format, args...)}
}

// failed is what went wrong in spite of right usage.
func failed(format string, args ...any) error {
	return &failure{status: exitFailed, err: fmt.Errorf(format, args...)}
}

var errInterrupted = errors.New("interrupted: stopped at once")
