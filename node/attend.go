package node

import (
	"context"
	"errors"
	"net"
	"time"

	"xylem/coordinator"
)

// errHangs says that an ancestor answered neither a request nor a ping beside it.
var errHangs = errors.New("it answers nothing, not even a ping")

// The silence after which an ancestor is given up, which is to be noticed within the
// liveness time-out, and yet long: a loaded machine leaves a process that is well
// without a processor for part of a second. A report may begin a third of the time-out after
// the ancestor has fallen silent, and is just told to another. A write goes at once, and its
// outcome is unknown then: it is given up hardly sooner than its own time-out, as it is by
// default, would have it.
const (
	leastReportSilence = 500 * time.Millisecond
	leastWriteSilence  = 800 * time.Millisecond
)

// ReportSilence is how long an ancestor may leave a report, and pings beside it, without an answer.
func ReportSilence(liveness time.Duration) time.Duration {
	return max(liveness*6/10, leastReportSilence)
}

func writeSilence(liveness time.Duration) time.Duration {
	return max(liveness*8/10, leastWriteSilence)
}

// postAttended is peers.post to an ancestor, and gives up, with an error that wraps errHangs
// if the request may have had an effect, when the ancestor stays silent: it is pinged after a
// third of that time, and again and again, and a ping gets no answer in the other two thirds.
// A ping asks neither the loop nor the disk, nor anybody above: no answer to it says that the
// process stands still, or that nothing gets there, while one to the request may just be slow.
func (n *Node) postAttended(ctx context.Context, m coordinator.Member, path string, body []byte, silence time.Duration) (peerAnswer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	vigil := time.AfterFunc(silence/3, func() {
		defer close(ended)
		for n.answersPing(ctx, m, silence*2/3) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(silence / 3):
			}
		}
		cancel(errHangs) // says nothing if ctx has ended, and the ping with it
	})
	answer, err := n.peers.post(ctx, m.Address, path, body)
	cancel(nil)
	if !vigil.Stop() {
		<-ended
	}
	return answer, err
}

// answersPing reports whether a ping of an ancestor comes to anything within a time. Where it
// fails at once nothing hangs: the connection of the request fails too, or who has the address
// now answers it.
func (n *Node) answersPing(ctx context.Context, m coordinator.Member, within time.Duration) bool {
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	_, err := n.pingAncestor(ctx, m)
	var failed net.Error
	return !errors.As(err, &failed) || !failed.Timeout()
}
