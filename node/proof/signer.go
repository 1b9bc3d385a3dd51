package proof

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

// A Signer has 4,096 counters. They are made 64 at a time when one of them is first needed: most nodes send to a
// few others only, and a process may be a thousand nodes.
const (
	stripes       = 4096
	stripesAtOnce = 64
)

// Signer makes the proofs of one process. Safe for concurrent use; not to be
// copied.
type Signer struct {
	key      key
	sender   string
	instance Instance
	counters *[stripes / stripesAtOnce]atomic.Pointer[[stripesAtOnce]atomic.Uint64]
}

// NewSigner makes the Signer of the process that is called sender ("NODE-3") and
// has that instance, which must be fresh from NewInstance: its counters start
// again at 1. It keeps no reference to secret. Errors wrap ErrShortSecret,
// ErrSenderName, or ErrMalformed for the zero Instance.
func NewSigner(secret []byte, sender string, instance Instance) (*Signer, error) {
	if !validSender(sender) {
		return nil, fmt.Errorf("%q: %w", sender, ErrSenderName)
	}
	if instance.IsZero() {
		return nil, fmt.Errorf("the signer's instance is zero: %w", ErrMalformed)
	}
	k, err := newKey(secret)
	if err != nil {
		return nil, err
	}
	return &Signer{key: k, sender: sender, instance: instance, counters: new([stripes / stripesAtOnce]atomic.Pointer[[stripesAtOnce]atomic.Uint64])}, nil
}

// Header is the value of HeaderName for one request to a receiver with that
// instance (zero when it is not known yet: the answer will tell it). Target is
// the request target exactly as it is sent, path and query. Every call takes the
// next counter, so each request, a repeated one too, needs a Header of its own.
func (s *Signer) Header(receiver Instance, method, target string, body []byte) string {
	return string(s.AppendHeader(make([]byte, 0, maxHeaderBytes), receiver, method, target, body))
}

// AppendHeader appends what Header returns to dst.
func (s *Signer) AppendHeader(dst []byte, receiver Instance, method, target string, body []byte) []byte {
	h := header{sender: s.sender, from: s.instance, to: receiver, counter: s.next(receiver)}
	h.mac = s.key.sum(&h, method, target, body)
	return h.append(dst)
}

// Instance is the sending process's own.
func (s *Signer) Instance() Instance { return s.instance }

// next is the counter of the next request to a receiver: it grows strictly for
// each. Receivers share a number of counters, picked by their random instance.
// One counter for all would let what goes to others run a receiver's window past
// a request that is still under way to it; one for each would grow without bound.
func (s *Signer) next(receiver Instance) uint64 {
	stripe := binary.BigEndian.Uint16(receiver[:]) % stripes
	some := &s.counters[stripe/stripesAtOnce]
	if some.Load() == nil {
		some.CompareAndSwap(nil, new([stripesAtOnce]atomic.Uint64))
	}
	return some.Load()[stripe%stripesAtOnce].Add(1)
}
