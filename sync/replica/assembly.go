package replica

import (
	"errors"
	"fmt"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// ErrSequence is returned for a piece that does not follow the one before: the
// push is to be sent again from its first piece, or from what was collected.
var ErrSequence = errors.New("the piece does not follow the one before")

// Assembly gathers the pieces of one push at a time, beside the state. What it has
// of a snapshot that broke off it keeps: another may go on from there. The zero
// Assembly is ready. Not safe for concurrent use.
type Assembly struct {
	sender  uint32      // of the push
	first   wire.Header // of its first piece
	next    uint32
	blocks  [][]byte
	entries []*store.Entry

	collected Collected
	meta      store.Meta     // at collected.Of
	builder   *store.Builder // of what was collected; nil for nothing
}

// Collected is how far a node has come with a snapshot: of a state at Of it has
// everything up to At. A snapshot comes in the order of versions, so this is also all
// of any later state on the same history that is not later than At, but for what was
// overwritten since, and of that the later comes later. So any snapshot can go on
// from here, of whatever sender, if it is not of a state before Of, and knows of all
// deletes after At. Zero for nothing.
type Collected struct{ At, Of version.Version }

// fits reports whether a snapshot of a state at to can go on from what was collected.
// other is what the node knew of the history then; nil if that is not known.
func (c Collected) fits(to version.Version, meta, other *store.Meta) bool {
	if !bridgeable(meta, c.At) || !meta.OnHistory(c.Of) || to.Seq < c.Of.Seq {
		return false
	}
	return other == nil || meta.Tree == other.Tree && meta.Agrees(other, c.At) && meta.Agrees(other, c.Of)
}

// Add takes the next piece, whose block it keeps, and returns the input that it
// makes: Partial, unless the push is complete. The error wraps ErrSequence, and what
// was collected of a snapshot is kept, or wire.ErrMalformed, and all is forgotten.
func (a *Assembly) Add(sender uint32, h *wire.Header, block []byte) (*Piece, error) {
	if !a.Follows(sender, h) {
		a.drop()
		return nil, fmt.Errorf("piece %d of push %d: %w", h.Piece, h.Number, ErrSequence)
	}
	if h.Piece == 0 {
		a.begin(sender, h)
	}
	a.next++
	err := a.agrees(h)
	if err == nil {
		err = a.add(h, block)
	}
	if err != nil {
		*a = Assembly{}
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	if !h.Last {
		return &Piece{Sender: sender, Header: *h, Partial: true}, nil
	}
	complete := &Piece{Sender: sender, Header: *h, Blocks: a.blocks, Entries: a.entries}
	if h.Kind == wire.Snapshot {
		complete.Builder = a.builder
		*a = Assembly{}
	}
	a.drop()
	return complete, nil
}

// Follows reports whether a piece is one that Add takes now. It changes nothing.
func (a *Assembly) Follows(sender uint32, h *wire.Header) bool {
	if h.Piece == 0 {
		return h.Kind != wire.Snapshot || h.From.IsZero() || h.From == a.collected.At && a.collected.fits(h.To, &h.Meta, &a.meta)
	}
	return a.next > 0 && sender == a.sender && h.Number == a.first.Number && h.Meta.Epoch == a.first.Meta.Epoch && h.Piece == a.next
}

// Collected is what was collected of a snapshot, whether it is still coming or not.
func (a *Assembly) Collected() Collected { return a.collected }

// Forget gives up what was collected of a snapshot that is not coming any more: the
// node has come to the state of whoever pushes to it by other means.
func (a *Assembly) Forget() {
	if a.next == 0 || a.first.Kind != wire.Snapshot {
		a.collected, a.meta, a.builder = Collected{}, store.Meta{}, nil
	}
}

// begin begins a push with its first piece.
func (a *Assembly) begin(sender uint32, h *wire.Header) {
	a.drop()
	a.sender, a.first = sender, *h
	if h.Kind != wire.Snapshot {
		return
	}
	if h.From.IsZero() {
		a.builder, a.collected = store.NewBuilder(), Collected{}
		a.builder.Expect(h.Live)
	}
	a.collected.Of, a.meta = h.To, h.Meta
}

// drop forgets the push that is coming, but not what was collected of a snapshot.
func (a *Assembly) drop() {
	*a = Assembly{collected: a.collected, meta: a.meta, builder: a.builder}
}

// agrees holds what a piece says of its push against what the first one said:
// else half a snapshot could end as a delta, and take the other half for the whole.
func (a *Assembly) agrees(h *wire.Header) error {
	f := &a.first
	if f.Kind != h.Kind || f.Meta.Tree != h.Meta.Tree || f.From != h.From || f.To != h.To || f.Digest != h.Digest {
		return fmt.Errorf("piece %d says another thing of its push than the first", h.Piece)
	}
	return nil
}

func (a *Assembly) add(h *wire.Header, block []byte) error {
	if h.Kind == wire.Snapshot {
		if err := a.builder.AddBlock(block); err != nil {
			return err
		}
		a.collected.At = a.builder.Last()
		return nil
	}
	entries, err := store.DecodeBlock(nil, block)
	if err != nil {
		return err
	}
	switch h.Kind {
	case wire.Delta:
		last := h.From
		if len(a.entries) > 0 {
			last = a.entries[len(a.entries)-1].Version
		}
		for _, e := range entries {
			if e.Version.Seq <= last.Seq || e.Version.Seq > h.To.Seq || !h.Meta.OnHistory(e.Version) {
				return fmt.Errorf("an entry at %v after %v in a delta from %v to %v", e.Version, last, h.From, h.To)
			}
			last = e.Version
		}
		a.blocks, a.entries = append(a.blocks, block), append(a.entries, entries...)
	default:
		if len(entries) > 0 {
			return fmt.Errorf("a %v with %d entries", h.Kind, len(entries))
		}
	}
	return nil
}
