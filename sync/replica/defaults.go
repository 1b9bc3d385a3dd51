package replica

import "time"

const (
	// MaxBatchBytes is the size at which a batch of writes is closed; one that holds a single
	// large write may be larger.
	MaxBatchBytes = 4 << 20
	// maxWaitBytes bounds the keys and values of the writes that wait for a batch.
	maxWaitBytes = 256 << 20
	// busyPace is the time between two pushes to a node that is pushed to without a pause: each
	// costs the same for one write as for twenty. A write that comes after a pause goes at once, and
	// one that comes just before the answer to that does so too.
	busyPace = time.Millisecond
)

// Defaults is what is the same for all nodes, where their configuration does not say
// otherwise. Who the node is, what it recovered and how large its queue may be is not in it.
func Defaults(liveness time.Duration) Config {
	return Config{
		Eager: true, Pace: busyPace, Liveness: liveness,
		// While the root is away members announce themselves once in a liveness
		// timeout. A shorter grace would let it order a write before it has heard of
		// them, and so part from their tree for good.
		Grace:     liveness * 3 / 2,
		WaitBytes: maxWaitBytes, BatchBytes: MaxBatchBytes, RetryMin: 50 * time.Millisecond, RetryMax: 2 * time.Second,
		Timeout: time.Second,
	}
}
