package wire

import (
	"encoding/binary"
	"fmt"

	"xylem/store"
	"xylem/sync/version"
)

// Promise is a node's answer to a candidate that gathers: it has made the
// candidate's epoch durable and accepts nothing older any more, and this is what it
// holds and has seen beyond that. Or it is a refusal, and names the epoch that stands
// in the way.
type Promise struct {
	Granted bool
	Epoch   uint64          // promised, or, where it is not granted, the one that was accepted or promised before
	Tree    version.TreeID  // zero from a node that holds no state
	Version version.Version // the applied version

	RootMillis int64          // the root's time as the node knows it, 0 before it heard it in this run
	Writes     []*store.Entry // ordered, and not in the state at Version; in the order of their versions
}

const promiseMagic = "XYG\x01"

// AppendPromise appends the encoded promise to dst.
func AppendPromise(dst []byte, p *Promise) []byte {
	dst = append(dst, promiseMagic...)
	granted := byte(0)
	if p.Granted {
		granted = 1
	}
	dst = append(dst, granted)
	dst = binary.AppendUvarint(dst, p.Epoch)
	dst = append(dst, p.Tree[:]...)
	dst = appendVersion(dst, p.Version)
	dst = binary.AppendUvarint(dst, uint64(p.RootMillis))
	var enc store.BlockEncoder
	for _, e := range p.Writes {
		dst = enc.Append(dst, e)
	}
	return dst
}

// DecodePromise reads what AppendPromise wrote. The error wraps ErrMalformed.
func DecodePromise(b []byte) (Promise, error) {
	r := reader{rest: b}
	if string(r.bytes(uint64(len(promiseMagic)))) != promiseMagic {
		return Promise{}, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, promiseMagic)
	}
	p := Promise{Granted: r.byte() == 1, Epoch: r.uvarint()}
	copy(p.Tree[:], r.bytes(uint64(len(p.Tree))))
	p.Version, p.RootMillis = r.version(), int64(r.uvarint())
	if r.short {
		return Promise{}, fmt.Errorf("%w: a promise is cut short", ErrMalformed)
	}
	writes, err := store.DecodeBlock(nil, r.rest)
	if err != nil {
		return Promise{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	p.Writes = writes
	return p, nil
}
