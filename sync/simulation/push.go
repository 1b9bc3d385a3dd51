package simulation

import (
	"slices"

	"xylem/store"
	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// pushing is a push on its way to one member, piece by piece.
type pushing struct {
	from, to *Node
	number   uint64
	pieces   [][]byte
	bytes    int
}

func (n *Node) push(e replica.Push) {
	n.tree.Stats.pushed(&e.Header)
	if n.pushing[e.Node] {
		n.tree.fail("NODE-%d begins push %d to NODE-%d beside another", n.id, e.Header.Number, e.Node)
	}
	n.pushing[e.Node] = true
	p := &pushing{from: n, to: n.tree.node(e.Node), number: e.Header.Number, pieces: encode(e.Header, e.Cut)}
	p.send(0)
}

// bodyBytes is the size at which a piece is closed: so small that many pushes have
// several.
const bodyBytes = 256

// encode makes the pieces of a push.
func encode(h wire.Header, cut *store.Cut) [][]byte {
	bodies := []wire.Body{{}}
	if cut != nil {
		bodies = bodies[:0]
		for body := range wire.Bodies(cut, bodyBytes) {
			bodies = append(bodies, body)
		}
	}
	var pieces [][]byte
	for i, body := range bodies {
		h.Piece, h.Last = uint32(i), i == len(bodies)-1
		pieces = append(pieces, wire.AppendPiece(nil, &h, body))
	}
	return pieces
}

func (p *pushing) send(i int) {
	p.bytes += len(p.pieces[i])
	p.from.pushes++
	p.from.pushedBytes += len(p.pieces[i])
	p.from.tree.call(p.from, p.to, func(answer func(any)) {
		p.to.receive(p.from.id, p.pieces[i], func(ack replica.Ack) { answer(ack) })
	}, func(answer any, how fate) {
		ack := replica.Ack{Outcome: replica.Lost}
		if how == answered {
			ack = answer.(replica.Ack)
		}
		if ack.Outcome == replica.Continue && i+1 < len(p.pieces) {
			p.send(i + 1)
			return
		}
		delete(p.from.pushing, p.to.id)
		p.from.step(replica.Confirmed{Node: p.to.id, Number: p.number, Ack: ack, Bytes: p.bytes})
	})
}

// receive takes a piece of a push.
func (n *Node) receive(sender uint32, bytes []byte, answer func(replica.Ack)) {
	h, block, _, err := wire.DecodePiece(bytes, 2*wire.MaxBodyBytes)
	if err != nil {
		n.tree.fail("a piece does not decode: %v", err)
		return
	}
	in, err := n.pieces.Add(sender, &h, block)
	if err != nil {
		answer(n.collected(replica.Ack{Outcome: replica.Gap, Tree: n.store.Meta().Tree, Version: n.store.Applied()}))
		return
	}
	n.refs++
	n.acks[n.refs] = func(ack replica.Ack) {
		ack = n.collected(ack)
		if ack.Outcome == replica.Applied || ack.Outcome == replica.Current {
			n.pieces.Forget()
		}
		n.tree.taken(n, &h, ack)
		n.spoilAck(&h, &ack)
		answer(ack)
	}
	in.Ref = n.refs
	n.spoilPush(in)
	n.step(in)
}

// collected adds to an answer what the node has of a snapshot.
func (n *Node) collected(ack replica.Ack) replica.Ack {
	if ack.Outcome.Refuses() {
		ack.Collected = n.pieces.Collected()
	}
	return ack
}

// fetch asks a member for its whole state, for a root that has none.
func (n *Node) fetch(from uint32) {
	member := n.tree.node(from)
	n.tree.call(n, member, func(answer func(any)) {
		if n.tree.ensemble != nil && member.replica.Leader() != n.id {
			answer([][]byte(nil))
			return
		}
		cut := member.store.Cut(version.Version{})
		answer(encode(wire.Header{Kind: wire.Snapshot, Number: 1, Meta: cut.Meta, To: cut.To, Digest: cut.Digest}, cut))
	}, func(answer any, how fate) {
		in := replica.Fetched{Node: from}
		if how == answered {
			var a replica.Assembly
			for _, piece := range answer.([][]byte) { // none where it was refused
				h, block, _, err := wire.DecodePiece(piece, 2*wire.MaxBodyBytes)
				if err != nil {
					n.tree.fail("a fetched piece does not decode: %v", err)
					return
				}
				complete, err := a.Add(from, &h, block)
				if err != nil {
					n.tree.fail("a fetched piece does not fit: %v", err)
					return
				}
				in.Header, in.Builder = h, complete.Builder
			}
		}
		if in.Builder == nil { // which makes its holder one that has not answered
			n.heard = slices.DeleteFunc(n.heard, func(id uint32) bool { return id == from })
		}
		n.step(in)
	})
}
