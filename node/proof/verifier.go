package proof

import (
	"crypto/hmac"
	"fmt"
	"strings"
	"sync"
)

// MaxSenders is how many sending instances a Verifier remembers: about 1 MiB.
// Every start of a node takes one.
const MaxSenders = 4096

// Sender is who proved a request: the node's name, and which process of it.
type Sender struct {
	Name     string
	Instance Instance
}

// Verifier checks the proofs of requests to one process. Safe for concurrent
// use; not to be copied.
type Verifier struct {
	key        key
	maxSenders int // a constant but in tests

	mu       sync.Mutex
	instance Instance            // of the receiver; changes when senders was full
	senders  map[Instance]*entry // every sender whose mac was right under instance
}

// entry is what is remembered of one sending instance.
type entry struct {
	name   string
	window window
}

// NewVerifier makes the Verifier of the process with that instance, which must
// be fresh from NewInstance: what was proved to it before would be taken again.
// It keeps no reference to secret. Errors wrap ErrShortSecret, or ErrMalformed
// for the zero Instance.
func NewVerifier(secret []byte, instance Instance) (*Verifier, error) {
	if instance.IsZero() {
		return nil, fmt.Errorf("the verifier's instance is zero: %w", ErrMalformed)
	}
	k, err := newKey(secret)
	if err != nil {
		return nil, err
	}
	return &Verifier{key: k, maxSenders: MaxSenders, instance: instance, senders: map[Instance]*entry{}}, nil
}

// Instance is what proofs must be made for now: what a 401 tells the sender. It
// starts as NewVerifier's and is drawn anew whenever MaxSenders are remembered
// and one more comes. It is thus not always the instance of the same process's
// Signer.
func (v *Verifier) Instance() Instance {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.instance
}

// Verify returns who sent the request, or why it is refused: an error that wraps
// ErrMissing, ErrMalformed, ErrWrongInstance, ErrWrongProof or ErrReplayed. The
// target is the request target exactly as it came, path and query. A request is
// accepted once. Verify keeps no reference to its arguments, so they may be
// buffers that are used again.
func (v *Verifier) Verify(proof, method, target string, body []byte) (Sender, error) {
	h, err := parseHeader(proof)
	if err != nil {
		return Sender{}, err
	}
	if h.to != v.Instance() { // it is no secret, and this spares strangers' bodies the hashing
		return Sender{}, refused(&h, ErrWrongInstance)
	}
	if want := v.key.sum(&h, method, target, body); !hmac.Equal(h.mac[:], want[:]) {
		return Sender{}, refused(&h, ErrWrongProof)
	}
	return v.admit(&h)
}

// admit enters a request whose mac is right, unless it was seen before.
func (v *Verifier) admit(h *header) (Sender, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if h.to != v.instance { // renewed while the mac was computed
		return Sender{}, refused(h, ErrWrongInstance)
	}
	known := v.senders[h.from]
	if known == nil {
		if len(v.senders) >= v.maxSenders {
			return Sender{}, v.renew(h)
		}
		known = &entry{name: strings.Clone(h.sender)}
		v.senders[h.from] = known
	}
	if !known.window.accept(h.counter) {
		return Sender{}, refused(h, ErrReplayed)
	}
	if known.name != h.sender {
		known.name = strings.Clone(h.sender)
	}
	return Sender{Name: known.name, Instance: h.from}, nil
}

// renew takes a new instance, which voids all that was sent to the last one, the
// request at hand too, so that the senders may be forgotten. v.mu is held.
func (v *Verifier) renew(h *header) error {
	drawn, err := NewInstance()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrongInstance, err)
	}
	v.instance = drawn
	clear(v.senders)
	return refused(h, ErrWrongInstance)
}

// refused says what was refused; the name is only what the sender claimed.
func refused(h *header, reason error) error {
	return fmt.Errorf("request %d of %s: %w", h.counter, h.sender, reason)
}
