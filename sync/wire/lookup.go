package wire

import (
	"fmt"

	"xylem/store"
	"xylem/sync/version"
)

// Lookup is a node's answer to a child that asked for one key: its entry or
// tombstone, or nil, as of a version. The question's body is the key itself.
type Lookup struct {
	Tree  version.TreeID
	Epoch uint64
	AsOf  version.Version
	Entry *store.Entry
}

const lookupMagic = "XYK\x01"

// AppendLookup appends the encoded answer to dst.
func AppendLookup(dst []byte, l *Lookup) []byte {
	count := 0
	if l.Entry != nil {
		count = 1
	}
	dst = appendHead(dst, lookupMagic, l.Tree, l.Epoch, count)
	dst = appendVersion(dst, l.AsOf)
	if l.Entry != nil {
		var enc store.BlockEncoder
		dst = enc.Append(dst, l.Entry)
	}
	return dst
}

// DecodeLookup reads what AppendLookup wrote. The error wraps ErrMalformed.
func DecodeLookup(b []byte) (Lookup, error) {
	r := reader{rest: b}
	tree, epoch, count, err := r.head(lookupMagic)
	if err != nil {
		return Lookup{}, err
	}
	l := Lookup{Tree: tree, Epoch: epoch, AsOf: r.version()}
	entries, err := store.DecodeBlock(nil, r.rest)
	if err != nil || r.short || uint64(len(entries)) != count || count > 1 {
		return Lookup{}, fmt.Errorf("%w: a lookup's answer does not make sense", ErrMalformed)
	}
	if count == 1 {
		l.Entry = entries[0]
	}
	return l, nil
}
