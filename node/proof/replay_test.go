package proof

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestRequestsMayOvertakeEachOtherWithinTheWindow(t *testing.T) {
	signer, verifier := pair(t)
	sent := make([]request, windowBits+1)
	for i := range sent {
		sent[i] = sign(signer, verifier, "POST", "/", "body")
	}
	mustAccept(t, verifier, sent[windowBits])
	mustRefuse(t, verifier, sent[0], ErrReplayed) // below the window
	for _, i := range rand.Perm(windowBits - 1) {
		mustAccept(t, verifier, sent[i+1])
	}
	for _, i := range rand.Perm(len(sent)) {
		mustRefuse(t, verifier, sent[i], ErrReplayed)
	}
}

func TestWhatGoesToOthersDoesNotMoveAWindow(t *testing.T) {
	signer, verifier := pair(t)
	early := sign(signer, verifier, "POST", "/", "")
	other := verifier.Instance()
	other[0] ^= 1
	for range 2 * windowBits {
		signer.Header(other, "POST", "/", nil)
	}
	mustAccept(t, verifier, sign(signer, verifier, "POST", "/", ""))
	mustAccept(t, verifier, early)
}

// The window against the plain set of what was seen.
func TestWindowAcceptsEachNewCounterOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		highest := uint64(0)
		counters := rapid.OneOf(rapid.Uint64Range(0, 5000), rapid.Uint64Range(math.MaxUint64-5000, math.MaxUint64))
		for _, c := range rapid.SliceOfN(counters, 1, 200).Draw(t, "counters") {
			tooOld := c < highest && highest-c >= windowBits
			want := c != 0 && !tooOld && !seen[c]
			if got := w.accept(c); got != want {
				t.Fatalf("accept(%d) = %v with highest %d", c, got, highest)
			}
			seen[c], highest = true, max(highest, c)
		}
	})
}

func TestOfConcurrentCopiesOneIsAccepted(t *testing.T) {
	_, verifier := pair(t)
	var accepted atomic.Int64
	var group sync.WaitGroup
	const senders, requests, copies = 4, 100, 3
	for range senders {
		signer := sender(t, "NODE-9")
		for range requests {
			r := sign(signer, verifier, "POST", "/synchronize", "body")
			for range copies {
				group.Go(func() {
					if _, err := verifier.Verify(r.proof, r.method, r.target, r.body); err == nil {
						accepted.Add(1)
					}
				})
			}
		}
	}
	group.Wait()
	if accepted.Load() != senders*requests {
		t.Fatalf("accepted %d of %d", accepted.Load(), senders*requests)
	}
}

func TestSigningConcurrentlyNeverRepeatsACounter(t *testing.T) {
	signer, verifier := pair(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				r := sign(signer, verifier, "POST", "/", "body")
				if _, err := verifier.Verify(r.proof, r.method, r.target, r.body); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestAFullTableRenewsTheInstanceAndVoidsWhatWasCaptured(t *testing.T) {
	_, verifier := pair(t)
	verifier.maxSenders = 3
	first := verifier.Instance()
	var captured []request
	for range verifier.maxSenders {
		r := sign(sender(t, "NODE-2"), verifier, "POST", "/", "x")
		mustAccept(t, verifier, r)
		captured = append(captured, r)
	}
	late := sender(t, "NODE-5")
	over := sign(late, verifier, "POST", "/", "x")
	mustRefuse(t, verifier, over, ErrWrongInstance)
	if verifier.Instance() == first {
		t.Fatal("the instance stayed")
	}
	for _, r := range append(captured, over) {
		mustRefuse(t, verifier, r, ErrWrongInstance)
	}
	mustAccept(t, verifier, sign(late, verifier, "POST", "/", "x"))
}

func TestNoRequestIsAcceptedTwiceWhileInstancesChange(t *testing.T) {
	_, verifier := pair(t)
	verifier.maxSenders = 2
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				r := sign(sender(t, "NODE-2"), verifier, "POST", "/", "x")
				var accepted atomic.Int64
				var copies sync.WaitGroup
				for range 3 {
					copies.Go(func() {
						if _, err := verifier.Verify(r.proof, r.method, r.target, r.body); err == nil {
							accepted.Add(1)
						}
					})
				}
				copies.Wait()
				if accepted.Load() > 1 {
					t.Error("accepted twice")
				}
			}
		})
	}
	group.Wait()
}
