package proof

// windowBits is how far behind the newest counter a request may arrive.
const windowBits = 1024

// windowBlocks is one block more than the window needs, so that moving it clears
// whole blocks only.
const windowBlocks = windowBits/64 + 1

// window remembers which of the newest counters of one sender were seen: the
// anti-replay window of IPsec, in the form of RFC 6479. The zero window has seen
// nothing. Invariant: a bit is set only for counters in
// (highest-windowBits-64, highest].
type window struct {
	highest uint64
	seen    [windowBlocks]uint64 // a ring: counter c is bit c%64 of block (c/64)%windowBlocks
}

// accept reports whether the counter is new, and remembers it. 0 never is.
func (w *window) accept(counter uint64) bool {
	if counter == 0 {
		return false
	}
	if counter > w.highest {
		w.advance(counter)
	} else if w.highest-counter >= windowBits {
		return false
	}
	block, bit := &w.seen[counter/64%windowBlocks], uint64(1)<<(counter%64)
	if *block&bit != 0 {
		return false
	}
	*block |= bit
	return true
}

// advance moves the window up to a new highest counter and clears the blocks
// that this brings into it.
func (w *window) advance(highest uint64) {
	from, to := w.highest/64, highest/64
	w.highest = highest
	if to-from >= windowBlocks {
		w.seen = [windowBlocks]uint64{}
		return
	}
	for block := from + 1; block <= to; block++ {
		w.seen[block%windowBlocks] = 0
	}
}
