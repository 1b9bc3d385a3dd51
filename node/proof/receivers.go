package proof

import "sync"

// Receivers is a sender's book of the instances of those it sends to. It has an
// entry for each address it was given, so the addresses must be those of members.
// The zero Receivers is ready; safe for concurrent use; not to be copied.
//
//	used := receivers.Known(address)
//	... send with signer.Header(used, ...); on 401:
//	if again, ok := receivers.Learn(address, used, answer.Header.Get(InstanceHeaderName)); ok {
//		... send once more with signer.Header(again, ...)
//	}
type Receivers struct {
	mu    sync.Mutex
	known map[string]Instance
}

// Known is the instance last learnt of the receiver at an address, zero when
// there is none.
func (r *Receivers) Known(address string) Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[address]
}

// Learn takes in the InstanceHeaderName of a 401 to a request that was signed
// for used. It returns the instance to sign for, and whether that differs from
// used, so that trying once more makes sense. An answer that is no instance is
// not learnt.
func (r *Receivers) Learn(address string, used Instance, answered string) (again Instance, ok bool) {
	told, err := ParseInstance(answered)
	if err != nil || told.IsZero() || told == used {
		return used, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]Instance{}
	}
	r.known[address] = told
	return told, true
}

// Forget drops what is known of a receiver, say because it is no longer a member.
func (r *Receivers) Forget(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, address)
}
