package replica

import (
	"errors"
	"fmt"

	"xylem/store"
	"xylem/sync/wire"
)

// ErrSequence is returned for a piece that does not follow the one before: the
// push is to be sent again from its first piece.
var ErrSequence = errors.New("the piece does not follow the one before")

// Assembly gathers the pieces of one push at a time, beside the state. The zero
// Assembly is ready. Not safe for concurrent use.
type Assembly struct {
	sender  uint32      // of the push
	first   wire.Header // of its first piece
	next    uint32
	blocks  [][]byte
	entries []*store.Entry
	builder *store.Builder
}

// Add takes the next piece, whose block it keeps, and returns the input that it
// makes: Partial, unless the push is complete. The error wraps ErrSequence or
// wire.ErrMalformed, and the pieces before are forgotten then.
func (a *Assembly) Add(sender uint32, h *wire.Header, block []byte) (*Piece, error) {
	if h.Piece == 0 {
		*a = Assembly{sender: sender, first: *h}
	}
	if sender != a.sender || h.Number != a.first.Number || h.Meta.Epoch != a.first.Meta.Epoch || h.Piece != a.next {
		*a = Assembly{}
		return nil, fmt.Errorf("piece %d of push %d: %w", h.Piece, h.Number, ErrSequence)
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
	complete := &Piece{Sender: sender, Header: *h, Blocks: a.blocks, Entries: a.entries, Builder: a.builder}
	*a = Assembly{}
	return complete, nil
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
		if a.builder == nil {
			a.builder = store.NewBuilder()
			a.builder.Expect(h.Live)
		}
		return a.builder.AddBlock(block)
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
