// Package proof lets nodes prove to each other, request by request, that they
// know the cluster's secret, and lets a receiver refuse what it has seen before.
// It needs no clock.
//
// One header carries the proof:
//
//	Xylem-Proof: v2 sender=NODE-3 from=<32 hex> to=<32 hex> counter=17 mac=<64 hex>
//
// from is the random instance of the sending process, to that of the receiver.
// The mac is HMAC-SHA256, under a key derived from the secret, over all of that,
// the method, the request target exactly as sent (path and query) and a hash of
// the body under a second such key, each with its length before it, so that no two requests
// share an input.
//
// A receiver refuses with 401 and its own instance in Xylem-Instance. A sender
// that did not know that instance yet, or knew an older one, learns it there
// (Receivers) and sends once more; a refused request has changed nothing.
// Captured bytes are never valid twice: while the receiver has one instance it
// remembers the counters it has seen of every sender (the sliding window of
// RFC 6479), and with its next instance all that was sent to the last is void.
//
// It keeps strangers out, and members from mistakes, not from malice: every
// member knows the same secret. Nothing is encrypted, and answers are not proved but
// where the receiver of a request proves its answer as a request of its own.
package proof

import "errors"

// HeaderName is the request header that carries the proof.
const HeaderName = "Xylem-Proof"

// InstanceHeaderName is the header in which a receiver that answers 401 tells
// its own instance, as Instance.String writes it.
const InstanceHeaderName = "Xylem-Instance"

// MinSecretBytes is the least length of a cluster secret.
const MinSecretBytes = 16

// MaxSenderBytes is the greatest length of a sender's name.
const MaxSenderBytes = 64

// What Verify says when it refuses. All of them are answered with 401.
var (
	// ErrMissing says that the request carries no proof.
	ErrMissing = errors.New("no proof of membership: the header " + HeaderName + " is missing")
	// ErrMalformed says that the header, or an instance, is not in the exact format.
	ErrMalformed = errors.New("malformed proof of membership")
	// ErrWrongInstance says that the proof is for another process than this one,
	// or for this one before it took a new instance. The sender learns the
	// instance from the answer and tries once more.
	ErrWrongInstance = errors.New("the proof is for another instance of the receiver")
	// ErrWrongProof says that the mac does not fit: another secret, or a request
	// that was changed on the way.
	ErrWrongProof = errors.New("the proof does not fit the request, or was made with another cluster secret")
	// ErrReplayed says that the counter was seen before, or lies so far behind
	// the newest one that nobody can tell any more.
	ErrReplayed = errors.New("the request was seen before, or is too old to tell")
)

// What a node's own set-up can get wrong.
var (
	// ErrShortSecret says that the secret has fewer than MinSecretBytes bytes.
	ErrShortSecret = errors.New("the cluster secret is too short: it needs at least 16 bytes")
	// ErrSenderName says that a sender's name is empty, longer than
	// MaxSenderBytes, or has other characters than letters, digits, '-', '_', '.'.
	ErrSenderName = errors.New("not a sender's name: want 1 to 64 letters, digits, '-', '_' or '.'")
)
