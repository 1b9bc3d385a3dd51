package store

import (
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"

	"github.com/tidwall/btree"

	"xylem/sync/version"
)

// order is the keys of a table in byte order, for listings. A table has none until the
// first listing makes it, and it stands still between listings: each brings it up to date
// by what changed since the one before. So writes pay nothing for it, and a node that is
// never asked for a listing has none. It holds every live key, and perhaps some that are
// not live any more: a listing asks the table about each. The tree holds
// refs to copies of the keys, so that it too has no pointer per entry.
type order struct {
	table *table
	at    version.Version
	keys  *btree.BTreeG[keyRef]
	text  [][]byte // uvarint lengths and keys, appended to the last
	gone  int      // bytes of keys that were taken out
	bytes int      // of all
	probe string   // stands for the zero keyRef in comparisons
}

// keyRef is where in the text a key is: 1 + the number of the piece in the upper half, the
// offset in the lower.
type keyRef uint64

func newOrder(t *table) *order {
	o := &order{table: t}
	o.keys = btree.NewBTreeGOptions(o.less, btree.Options{NoLocks: true, Degree: 128})
	return o
}

func (o *order) less(a, b keyRef) bool { return o.key(a) < o.key(b) }

func (o *order) key(r keyRef) string {
	if r == 0 {
		return o.probe
	}
	text := o.text[r>>32-1][uint32(r):]
	n, size := binary.Uvarint(text)
	text = text[size : size+int(n)]
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// keep copies a key into the text.
func (o *order) keep(key string) keyRef {
	size := len(key) + binary.MaxVarintLen16
	last := len(o.text) - 1
	if last < 0 || cap(o.text[last])-len(o.text[last]) < size {
		o.text = append(o.text, make([]byte, 0, min(max(o.bytes, minChunkBytes+size), maxChunkBytes)))
		last++
	}
	text := o.text[last]
	r := keyRef(last+1)<<32 | keyRef(len(text))
	text = binary.AppendUvarint(text, uint64(len(key)))
	text = append(text, key...)
	o.bytes += len(text) - len(o.text[last])
	o.text[last] = text
	return r
}

// follow takes in what changed up to a cut that was made from o.at.
func (o *order) follow(cut *Cut) {
	if o.keys.Len() == 0 {
		o.build(cut)
	} else {
		for e := range cut.Entries() {
			o.change(e)
		}
	}
	o.at = cut.To
}

func (o *order) change(e *Entry) {
	o.probe = e.Key
	r, known := o.keys.Get(0)
	switch {
	case e.Deleted() && known:
		o.drop(r)
	case !e.Deleted() && !known:
		o.keys.Set(o.keep(e.Key))
	}
}

func (o *order) drop(r keyRef) {
	o.gone += len(o.key(r)) + 1
	o.keys.Delete(r)
}

// build sorts all live keys of a cut, which is quicker than to insert one after the other.
func (o *order) build(cut *Cut) {
	keys := make([]string, 0, cut.Live)
	for e := range cut.Entries() {
		if !e.Deleted() {
			keys = append(keys, e.Key)
		}
	}
	slices.Sort(keys)
	o.text, o.gone, o.bytes = nil, 0, 0
	for _, key := range keys {
		o.keys.Load(o.keep(key))
	}
}

// tidied is the order without the text of keys that are not there any more, once that is
// a third of it.
func (o *order) tidied() *order {
	if o.gone < maxChunkBytes+o.bytes/3 {
		return o
	}
	tidy := newOrder(o.table)
	tidy.at = o.at
	o.keys.Scan(func(r keyRef) bool {
		tidy.keys.Load(tidy.keep(o.key(r)))
		return true
	})
	return tidy
}

// list returns the live entries whose keys begin with prefix and come after the key after,
// at most limit of them. The order is of the table as it is: the caller keeps writers out.
func (o *order) list(prefix, after string, limit int) []*Entry {
	var found []*Entry
	var gone []keyRef
	o.probe = max(prefix, after)
	o.keys.Ascend(0, func(r keyRef) bool {
		key := o.key(r)
		if key == after {
			return true
		}
		if !strings.HasPrefix(key, prefix) {
			return false
		}
		if e := o.table.get(key, new(Entry)); e != nil && !e.Deleted() {
			found = append(found, e)
		} else {
			gone = append(gone, r)
		}
		return len(found) < limit
	})
	for _, r := range gone {
		o.drop(r)
	}
	return found
}
