package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"xylem/sync/replica"
	"xylem/sync/wire"
)

// pieceTimeout is how long a node may take to answer a piece of a push: the larger
// it is, the longer. It is its own time only: every push has a goroutine of its own.
// But until then a node whose link was cut with a push on it gets nothing else.
func pieceTimeout(bytes int) time.Duration {
	const least, bytesPerSecond = 2 * time.Second, 512 << 10
	return least + time.Duration(bytes)*time.Second/bytesPerSecond
}

// usualHeaderBytes is more than the header of a piece has, unless the history is long.
const usualHeaderBytes = 512

// push sends a push to a member, piece by piece, and returns how that ended.
func (n *Node) push(e replica.Push) replica.Confirmed {
	end := replica.Confirmed{Node: e.Node, Number: e.Header.Number, Ack: replica.Ack{Outcome: replica.Lost}}
	address, err := n.addressOf(int(e.Node))
	if err != nil {
		return end
	}
	next, stop := n.bodies(e)
	defer stop()
	var request []byte
	body, more := next()
	for piece := uint32(0); ; piece++ {
		following, moreFollow := wire.Body{}, false
		if more {
			following, moreFollow = next()
		}
		h := e.Header
		h.Piece, h.Last = piece, !moreFollow
		request = wire.AppendPiece(slices.Grow(request[:0], body.Bytes()+usualHeaderBytes), &h, body)
		end.Entries, end.Bytes = end.Entries+body.Entries, end.Bytes+len(request)
		end.Ack, err = n.sendPiece(address, request)
		if err != nil {
			n.log.Debug("a push got no answer", "to", e.Node, "kind", h.Kind.String(), "err", err)
			return end
		}
		if end.Ack.Outcome != replica.Continue || !moreFollow {
			n.logRefusal(e, end.Ack)
			return end
		} // else the whole request has come, and its memory is free
		body, more = following, moreFollow
	}
}

// logRefusal tells the operator of what the root cannot mend by itself. An elected root
// mends all but another tree: who is beyond its cut keeps what lies there, and where a
// later epoch was heard of, this root is over.
func (n *Node) logRefusal(e replica.Push, ack replica.Ack) {
	root := n.root.Load()
	if root == nil {
		return
	}
	beyond := root.reign == nil && (ack.Outcome == replica.Foreign || ack.Outcome == replica.OldEpoch || n.store.Applied().Before(ack.Version))
	switch {
	case ack.Mismatch:
		n.log.Error("a node's digest differs from the root's; it gets a snapshot", "to", e.Node, "version", ack.Version)
	case ack.Outcome == replica.OtherTree || beyond:
		if last, found := root.refusals.Swap(e.Node, ack); found && last == ack {
			return
		}
		n.log.Error("a node refuses this root's state, because it holds another; without its data directory it takes this root's state, and what it alone held is lost",
			"to", e.Node, "outcome", string(ack.Outcome), "its_tree", ack.Tree, "its_version", ack.Version)
	}
}

func (n *Node) sendPiece(address string, request []byte) (replica.Ack, error) {
	lost := replica.Ack{Outcome: replica.Lost}
	ctx, cancel := context.WithTimeout(n.working, pieceTimeout(len(request)))
	defer cancel()
	answer, err := n.peers.post(ctx, address, pathSynchronize, request)
	if err != nil {
		return lost, err
	}
	var ack ackDocument
	if err := json.Unmarshal(answer.body, &ack); err != nil || ack.Outcome == "" {
		return lost, fmt.Errorf("%s answered %d: %s", address, answer.status, excerpt(answer.body))
	}
	return ack.ack()
}

// fetch asks a member for its whole state, for a root that has none.
func (n *Node) fetch(from uint32) replica.Fetched {
	in := replica.Fetched{Node: from}
	if n.election == nil {
		n.log.Warn("this root has no data, or an older copy of them: it takes over the state of a member", "from", from)
	} else {
		n.log.Info("a member holds more than this node, which is to be the root: taking over its state", "from", from)
	}
	address, err := n.announcedAddress(int(from))
	if err == nil {
		err = n.fetchFrom(address, &in)
	}
	if err != nil {
		next := "waiting for members to announce themselves again"
		if n.election != nil {
			next = "going on with what the others hold"
		}
		n.log.Error("the state of a member could not be fetched; "+next, "from", from, "err", err)
		in.Builder = nil
	}
	return in
}

func (n *Node) fetchFrom(address string, in *replica.Fetched) error {
	ctx, cancel := context.WithCancel(n.working)
	defer cancel()
	idle := time.AfterFunc(pieceTimeout(n.maxPieceBytes()), cancel) // a member that hangs must not keep the root closed
	defer idle.Stop()
	resp, err := n.peers.open(ctx, address, pathState, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("%s answered %d: %s", address, resp.StatusCode, said)
	}
	var a replica.Assembly
	for {
		piece, err := wire.ReadFrame(resp.Body, n.maxPieceBytes())
		if err != nil {
			return err
		}
		idle.Reset(pieceTimeout(n.maxPieceBytes()))
		h, block, _, err := wire.DecodePiece(piece, n.maxPieceBytes())
		if err != nil {
			return err
		}
		complete, err := a.Add(in.Node, &h, bytes.Clone(block))
		if err != nil {
			return err
		}
		if h.Last {
			in.Header, in.Builder = h, complete.Builder
			return nil
		}
	}
}

// maxPieceBytes bounds a piece: a body is closed once it is full, and one entry
// may be as large as a value.
func (n *Node) maxPieceBytes() int {
	return 2*wire.MaxBodyBytes + n.opts.Config.API.MaxValueBytes + 64<<10
}
