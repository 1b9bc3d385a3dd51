package node

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// crowded is a listener for which there is no file left some times.
type crowded struct {
	net.Listener
	errs []error // of the next calls of Accept, before connections come
}

func (l *crowded) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		here, there := net.Pipe()
		_ = there.Close()
		return here, nil
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: err}
}

func TestTooManyFilesDoNotEndANode(t *testing.T) {
	l := coarseListener{Listener: &crowded{errs: []error{syscall.EMFILE, syscall.ECONNABORTED, syscall.ENFILE}}}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	l = coarseListener{Listener: &crowded{errs: []error{syscall.EMFILE, net.ErrClosed}}}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}
