package node

import (
	"context"
	"errors"
	"time"

	"xylem/coordinator"
)

// errHangs says that an ancestor answered neither a request nor a ping beside it.
var errHangs = errors.New("it answers nothing, not even a ping")

// leastSilence is for how long an ancestor leaves a request and a ping beside it without
// an answer, at least, before it is given up: for so long a loaded machine may leave a
// process that is well without a processor.
const leastSilence = 500 * time.Millisecond

// silenceAllowed is how long an ancestor may leave a request without an answer until it is
// pinged, and then the ping. Together with the time between two reports that
// is less than the liveness time-out, if that is not much shorter than the default:
// who hangs is noticed within it, as who is dead is. A ping asks neither the loop nor the
// disk, nor anybody above: no answer to it says that the process stands still, while one
// to the request may just be slow. It is not sent sooner, so that a machine on which all
// is slow gets few.
func silenceAllowed(liveness time.Duration) (request, ping time.Duration) {
	silence := max(liveness*6/10, leastSilence)
	return silence / 2, silence / 2
}

// postAttended is peers.post to an ancestor, and gives up, with an error that wraps errHangs
// if the request may have had an effect, when a ping beside finds the ancestor silent.
func (n *Node) postAttended(ctx context.Context, m coordinator.Member, path string, body []byte) (peerAnswer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	patience, forPing := silenceAllowed(n.opts.Config.Liveness.Timeout)
	ended := make(chan struct{})
	vigil := time.AfterFunc(patience, func() {
		defer close(ended)
		pinging, stop := context.WithTimeout(ctx, forPing)
		defer stop()
		if _, err := n.pingAncestor(pinging, m); err != nil && !errors.Is(err, errStranger) {
			cancel(errHangs) // says nothing if ctx has ended, and the ping with it
		}
	})
	answer, err := n.peers.post(ctx, m.Address, path, body)
	cancel(nil)
	if !vigil.Stop() {
		<-ended
	}
	return answer, err
}
