package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"unicode"

	"xylem/client"
)

// explain turns an error into an exit status and the one line that goes to standard error.
func explain(err error) (status int, text string) {
	var problem *client.Problem
	if errors.As(err, &problem) {
		return exitFailed, problem.Error()
	}
	status = exitUsage
	var f *failure
	if errors.As(err, &f) {
		status = f.status
	}
	return status, "xylem: " + oneLine(err.Error())
}

// unanswered explains an error of the client that is no answer of the node. A Problem stays what it is.
func unanswered(name, url string, err error) error {
	var problem *client.Problem
	switch {
	case err == nil, errors.As(err, &problem):
		return err
	case errors.Is(err, client.ErrBaseURL), errors.Is(err, client.ErrValue):
		return usage("%w", err)
	}
	where := name + " at " + url
	if name == url {
		where = url
	}
	text := fmt.Sprintf("%s cannot be reached (%s): is it running? `xylem up` starts a tree on this machine", where, cause(err))
	switch {
	case errors.Is(err, client.ErrAnswer):
		text = fmt.Sprintf("what answers for %s is no node of Xylem (%s): check client.url or the node's address", where, cause(err))
	case errors.Is(err, client.ErrOutcomeUnknown):
		text = fmt.Sprintf("the answer of %s was lost (%s): the write may or may not have happened; read the key to see", where, cause(err))
	}
	return &failure{status: exitUnreachable, err: errors.New(text)}
}

// cause is the shortest text that says why a node could not be reached.
func cause(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &dns):
		return "the name " + dns.Name + " cannot be resolved"
	}
	text := err.Error()
	for _, sentinel := range []error{client.ErrOutcomeUnknown, client.ErrUnreachable, client.ErrAnswer} {
		if _, after, found := strings.Cut(text, sentinel.Error()+": "); found {
			return after
		}
	}
	return text
}

// oneLine keeps text from breaking lines or steering the terminal.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, unicode.IsControl), " ")
}
