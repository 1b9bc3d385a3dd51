package node

import (
	"bytes"
	"log/slog"
	"sync"

	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/wire"
)

// drafts writes a snapshot to the disk while it comes, into a file that counts for nothing
// until the node takes the snapshot. One that broke off is not gone on with: what was
// gathered of it stays in memory, and the whole is written in the end. The nil drafts
// write none.
type drafts struct {
	journal *journal.Journal
	log     *slog.Logger

	mu   sync.Mutex
	file *journal.Draft // nil for none
	head []byte         // the record that it begins with: of which state it is
	of   *store.Builder // which has the same; nil until it is complete
}

// begin begins with the first piece of a snapshot that begins at its beginning, and has
// others.
func (d *drafts) begin(h *wire.Header) {
	if d == nil {
		return
	}
	d.drop()
	if !h.From.IsZero() || h.Last {
		return
	}
	file, err := d.journal.StartDraft()
	if err != nil {
		d.log.Debug("a snapshot is not written as it comes", "err", err)
		return
	}
	d.mu.Lock()
	d.file, d.head = file, store.AppendState(nil, &store.Cut{To: h.To, Digest: h.Digest, Meta: h.Meta})
	d.mu.Unlock()
	d.write(d.head)
}

// add writes the block of a piece.
func (d *drafts) add(block []byte) { d.write(entriesRecord, block) }

// entriesRecord is what a record of entries begins with; a block follows.
var entriesRecord = store.AppendEntries(nil, nil)

func (d *drafts) write(parts ...[]byte) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return
	}
	if err := d.file.Write(parts...); err != nil {
		d.log.Debug("a snapshot is not written as it comes any more", "err", err)
		d.abort()
	}
}

// complete says that all is written of what a builder has.
func (d *drafts) complete(of *store.Builder) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil {
		d.of = of
	}
}

// forget gives up what was written of what a builder has, if nobody has taken it.
func (d *drafts) forget(of *store.Builder) {
	if d == nil || of == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == of {
		d.abort()
	}
}

// take hands over the file that a state was written to as it came; nil if there is none.
func (d *drafts) take(state *store.Cut) *journal.Draft {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil || !state.IsOf(d.of) || !bytes.Equal(d.head, store.AppendState(nil, state)) {
		return nil
	}
	file := d.file
	d.file, d.of = nil, nil
	return file
}

// drop gives up what was written.
func (d *drafts) drop() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.abort()
}

func (d *drafts) abort() {
	if d.file != nil {
		if err := d.file.Abort(); err != nil {
			d.log.Debug("the file of a snapshot that did not come could not be removed", "err", err)
		}
	}
	d.file, d.of = nil, nil
}
