package node

import (
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// collectedFor is how long what came of a snapshot is kept after its last piece: whoever
// went on with it would have done so by then.
const collectedFor = time.Minute

// pieces gathers the push that is arriving. A piece of a snapshot is answered before its
// entries are taken in and written down, while the next is on its way.
type pieces struct {
	mu       sync.Mutex
	bytes    int // of the pieces so far
	assembly replica.Assembly
	drafts   *drafts
	taking   sync.WaitGroup // of the piece before, by the assembly, which is its alone until then
	idle     *time.Timer    // gives up what has come
}

// add takes the next piece. The report is of the push as far as it has come.
func (p *pieces) add(req provedRequest, h *wire.Header, block []byte) (*replica.Piece, *pushReport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taking.Wait()
	if h.Piece == 0 {
		p.bytes = 0
	}
	p.bytes += len(req.body)
	sender, report := uint32(req.sender), &pushReport{Kind: h.Kind.String(), Bytes: p.bytes}
	p.keep(h)
	if h.Kind == wire.Snapshot && !h.Last && p.assembly.Follows(sender, h) {
		// What does not make sense is forgotten, and found missing by the next piece.
		p.taking.Go(func() {
			_, _ = p.gather(sender, h, block)
			freePieces.Put(&req.body) // of a snapshot nothing is kept as it came
		})
		return &replica.Piece{Sender: sender, Header: *h, Partial: true}, report, nil
	}
	in, err := p.gather(sender, h, block)
	if err != nil {
		return nil, nil, err
	}
	report.Entries = len(in.Entries)
	if in.Builder != nil { // all of a snapshot: what comes from now on is of another push
		if p.idle != nil {
			p.idle.Stop()
		}
		report.Entries = in.Builder.Cut(h.To, h.Meta).MaxEntries()
	}
	return in, report, nil
}

// gather has the assembly take a piece, and writes what is of a snapshot to the disk
// meanwhile.
func (p *pieces) gather(sender uint32, h *wire.Header, block []byte) (*replica.Piece, error) {
	if h.Kind != wire.Snapshot || !p.assembly.Follows(sender, h) {
		return p.assembly.Add(sender, h, block)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		if h.Piece == 0 {
			p.drafts.begin(h)
		}
		p.drafts.add(block)
	})
	in, err := p.assembly.Add(sender, h, block)
	writing.Wait()
	switch {
	case err != nil:
		p.drafts.drop()
	case in.Builder != nil:
		p.drafts.complete(in.Builder)
	}
	return in, err
}

// freePieces holds memory that pieces of snapshots have come in.
var freePieces sync.Pool

// pieceMemory is memory for the body of a large request; nil where there is none.
func pieceMemory(c *fiber.Ctx) []byte {
	if c.Request().Header.ContentLength() > trustedBytes {
		if free, found := freePieces.Get().(*[]byte); found {
			return (*free)[:0]
		}
	}
	return nil
}

// keep has what comes of a snapshot kept for a while, until all of it has come.
func (p *pieces) keep(h *wire.Header) {
	switch {
	case h.Kind != wire.Snapshot || h.Last:
	case p.idle == nil:
		p.idle = time.AfterFunc(collectedFor, p.giveUp)
	default:
		p.idle.Reset(collectedFor)
	}
}

// giveUp forgets all that has come.
func (p *pieces) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taking.Wait()
	p.assembly = replica.Assembly{}
	p.drafts.drop()
}

// collected is what came of a snapshot that broke off.
func (p *pieces) collected() replica.Collected {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taking.Wait()
	return p.assembly.Collected()
}

// arrived is called when this node is at the state of who pushes to it.
func (p *pieces) arrived() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taking.Wait()
	p.assembly.Forget()
	p.drafts.drop() // what was taken is no draft any more
}

// close waits for what is taken in, when no piece comes any more.
func (p *pieces) close() {
	p.giveUp()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle != nil {
		p.idle.Stop()
	}
}

// worthGathering reports whether the pieces that a node brings may be of a push that the core
// will take: of the root, or where the tree relays of a node above.
func (n *Node) worthGathering(sender int) bool {
	if n.election != nil || sender == n.opts.Config.Tree.Root && !n.isRoot() {
		return true
	}
	view := n.view.Load()
	if !n.relays() || view == nil || n.isRoot() {
		return false
	}
	for _, m := range view.Ancestors {
		if m.ID == sender {
			return true
		}
	}
	return false
}
