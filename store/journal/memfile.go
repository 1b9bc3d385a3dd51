package journal

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

// memFile is a file's bytes, and which of them a loss of power leaves.
type memFile struct {
	data   []byte
	synced int    // data before this is durable, but for the limbo
	before []byte // what is durable instead, when something durable was cut off or overwritten since the last sync
	cut    bool   // before is set, be it empty

	limboFrom, limboTo int // data that a failed sync let go of: seen, but never made durable unless written again
}

func (f *memFile) write(b []byte, at int) {
	end := at + len(b)
	if at < f.synced && !bytes.Equal(f.data[at:min(end, f.synced)], b[:min(end, f.synced)-at]) {
		f.keepBefore(at)
	}
	if end > len(f.data) {
		f.data = slices.Grow(f.data, end-len(f.data))[:end]
	}
	copy(f.data[at:], b)
	if at <= f.limboFrom && f.limboFrom < min(end, f.limboTo) {
		f.limboFrom = min(end, f.limboTo)
		f.synced = min(f.synced, at) // until the next sync
	}
}

func (f *memFile) truncate(size int) {
	if size < f.synced {
		f.keepBefore(size)
	}
	clear(f.data[size:])
	f.data = f.data[:size]
	f.limboTo = min(f.limboTo, size)
	f.limboFrom = min(f.limboFrom, f.limboTo)
}

// keepBefore notes what is durable, before what lies after at changes.
func (f *memFile) keepBefore(at int) {
	if !f.cut {
		f.before, f.cut = slices.Clone(f.data[:f.synced]), true
	}
	f.synced = at
}

func (f *memFile) sync() {
	f.synced = len(f.data)
	f.before, f.cut = nil, false
}

func (f *memFile) failSync() {
	if f.limboFrom == f.limboTo {
		f.limboFrom = f.synced
	}
	f.limboTo = len(f.data)
	f.sync()
}

// crash leaves what a loss of power would.
func (f *memFile) crash(random *rand.Rand) {
	clear(f.data[f.limboFrom:f.limboTo])
	switch fresh := len(f.data) - f.synced; {
	case f.cut && random.IntN(2) == 0:
		f.data = f.before
	case fresh == 0:
	case random.IntN(4) == 0: // all of it arrived but a part in the middle
		from := f.synced + random.IntN(fresh)
		clear(f.data[from : from+random.IntN(len(f.data)-from+1)])
	default:
		f.data = f.data[:f.synced+random.IntN(fresh+1)]
		fresh = len(f.data) - f.synced
		for range random.IntN(4) {
			if fresh > 0 {
				f.data[len(f.data)-1-random.IntN(min(fresh, 16))] ^= byte(random.IntN(256))
			}
		}
	}
	f.limboFrom, f.limboTo = 0, 0
	f.data = slices.Clone(f.data)
	f.sync()
}
