package wire

import (
	"encoding/binary"
	"fmt"
	"strings"

	"xylem/store"
	"xylem/sync/version"
)

// Terms say how fresh an answer has to be. The zero Terms ask for nothing.
type Terms struct {
	Min        version.Version // it holds as of this version, or a later one
	LagBounded bool
	MaxLag     int64 // where LagBounded: how old the state may be, in milliseconds
}

// Question is what a node asks an ancestor: what it has for one key, or a page of
// a listing, and how fresh that has to be.
type Question struct {
	Terms
	Tree     version.TreeID // zero from a node that belongs to none yet
	Epoch    uint64         // the highest that the asker has heard of: a node behind it cannot say what was abandoned
	Key      string         // the key; of a page its prefix, which may be empty
	After    string         // of a page: the key to go on after, or empty
	Limit    int            // of a page: 1 to store.MaxPage; 0 asks for the key alone
	TimeLeft int64          // until nobody waits for the answer any more, in milliseconds; at most MaxTimeLeft
}

// MaxTimeLeft bounds, in milliseconds, how long a reader may have its node wait.
const MaxTimeLeft = 60_000

// Lookup is the answer to a Question.
type Lookup struct {
	Tree     version.TreeID
	Epoch    uint64
	AsOf     version.Version // nothing before it is missing
	LagKnown bool
	Lag      int64          // how old the state was when the question came, in milliseconds
	Next     string         // of a page that more may follow: the last key that it covers, though it may not show it; else empty
	Entries  []*store.Entry // of a key its entry, or none
}

const (
	questionMagic = "XYQ\x01"
	lookupMagic   = "XYK\x03"
)

// Bits of a question's flags.
const (
	flagPage = 1 << iota
	flagMaxLag
)

// AppendQuestion appends the encoded question to dst.
func AppendQuestion(dst []byte, q *Question) []byte {
	var flags byte
	if q.Limit > 0 {
		flags |= flagPage
	}
	if q.LagBounded {
		flags |= flagMaxLag
	}
	dst = appendHead(dst, questionMagic, q.Tree, q.Epoch, 0)
	dst = appendVersion(append(dst, flags), q.Min)
	if q.LagBounded {
		dst = binary.AppendUvarint(dst, uint64(q.MaxLag))
	}
	dst = binary.AppendUvarint(dst, uint64(q.TimeLeft))
	dst = appendString(dst, q.Key)
	if q.Limit > 0 {
		dst = appendString(dst, q.After)
		dst = binary.AppendUvarint(dst, uint64(q.Limit))
	}
	return dst
}

// DecodeQuestion reads what AppendQuestion wrote. The question shares no memory
// with b. Its keys and bounds are checked. The error wraps ErrMalformed.
func DecodeQuestion(b []byte) (Question, error) {
	r := reader{rest: b}
	tree, epoch, count, err := r.head(questionMagic)
	if err != nil {
		return Question{}, err
	}
	flags := r.byte()
	q := Question{Tree: tree, Epoch: epoch}
	q.Min = r.version()
	if flags&flagMaxLag != 0 {
		q.LagBounded, q.MaxLag = true, int64(r.uvarint())
	}
	q.TimeLeft = int64(r.uvarint())
	q.Key = string(r.bytes(r.uvarint()))
	isPage := flags&flagPage != 0
	if isPage {
		q.After = string(r.bytes(r.uvarint()))
		q.Limit = int(min(r.uvarint(), store.MaxPage+1))
	}
	switch {
	case r.short || len(r.rest) > 0 || count > 0 || flags >= flagMaxLag<<1:
		return Question{}, fmt.Errorf("%w: a question is cut short, or something follows it", ErrMalformed)
	case q.MaxLag < 0, q.TimeLeft < 0, q.TimeLeft > MaxTimeLeft, isPage != (q.Limit > 0), q.Limit > store.MaxPage:
		return Question{}, fmt.Errorf("%w: a question's bounds do not make sense", ErrMalformed)
	}
	for _, key := range []string{q.Key, q.After} {
		if key == "" && (isPage || q.Key != "") {
			continue // a page begins where it likes; of a key there is no After
		}
		if err := store.CheckKey(key); err != nil {
			return Question{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	return q, nil
}

// Bits of an answer's flags.
const (
	flagNext = 1 << iota
	flagLag
)

// AppendLookup appends the encoded answer to dst.
func AppendLookup(dst []byte, l *Lookup) []byte {
	var flags byte
	if l.Next != "" {
		flags |= flagNext
	}
	if l.LagKnown {
		flags |= flagLag
	}
	dst = appendHead(dst, lookupMagic, l.Tree, l.Epoch, len(l.Entries))
	dst = append(appendVersion(dst, l.AsOf), flags)
	if l.LagKnown {
		dst = binary.AppendUvarint(dst, uint64(l.Lag))
	}
	if l.Next != "" {
		dst = appendString(dst, l.Next)
	}
	var enc store.BlockEncoder
	for _, e := range l.Entries {
		dst = enc.Append(dst, e)
	}
	return dst
}

// DecodeLookup reads what AppendLookup wrote. Every key is checked; Answers tells
// whether they are what was asked for. The error wraps ErrMalformed.
func DecodeLookup(b []byte) (Lookup, error) {
	r := reader{rest: b}
	tree, epoch, count, err := r.head(lookupMagic)
	if err != nil {
		return Lookup{}, err
	}
	l := Lookup{Tree: tree, Epoch: epoch, AsOf: r.version()}
	flags := r.byte()
	if flags&flagLag != 0 {
		l.LagKnown, l.Lag = true, int64(r.uvarint())
	}
	isCut := flags&flagNext != 0
	if isCut {
		l.Next = string(r.bytes(r.uvarint()))
	}
	if r.short || isCut != (l.Next != "") || count > store.MaxPage || flags >= flagLag<<1 || l.Lag < 0 {
		return Lookup{}, fmt.Errorf("%w: a lookup's answer does not make sense", ErrMalformed)
	}
	if isCut {
		if err := store.CheckKey(l.Next); err != nil {
			return Lookup{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	l.Entries, err = store.DecodeBlock(nil, r.rest)
	if err != nil || uint64(len(l.Entries)) != count {
		return Lookup{}, fmt.Errorf("%w: the entries of a lookup's answer do not make sense", ErrMalformed)
	}
	return l, nil
}

// Answers reports whether the answer is of the keys that q asks for, and, where more
// may follow, gets further than q did.
func (l *Lookup) Answers(q *Question) bool {
	if q.Limit == 0 {
		return l.Next == "" && (len(l.Entries) == 0 || (len(l.Entries) == 1 && l.Entries[0].Key == q.Key))
	}
	after := q.After
	for _, e := range l.Entries {
		if e.Key <= after || e.Deleted() || !strings.HasPrefix(e.Key, q.Key) {
			return false
		}
		after = e.Key
	}
	return len(l.Entries) <= q.Limit && (l.Next == "" || l.Next > q.After && l.Next >= after && strings.HasPrefix(l.Next, q.Key))
}
