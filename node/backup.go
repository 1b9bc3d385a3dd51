package node

import (
	"bufio"

	"github.com/gofiber/fiber/v2"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// pathBackup is where anybody who may read the store gets all of it.
const pathBackup = "/backup"

// getBackup answers with this node's whole state as of its applied version: the base,
// not what waits in its queue, which has no version and is this node's alone.
func (n *Node) getBackup(c *fiber.Ctx) error {
	cut := n.store.Cut(version.Version{})
	n.setFreshness(c, cut.To)
	if cut.To.IsZero() {
		return unavailable("no-state", "this node holds no state yet; ask another node")
	}
	n.streamState(c, cut)
	return nil
}

// streamState answers with a whole state, encoded piece by piece as the other side
// takes it, while writes go on. One that takes nothing is given up as any client is
// (stallTimeout). When the node stops, the answer ends before its last piece.
func (n *Node) streamState(c *fiber.Ctx, cut *store.Cut) {
	c.Response().Header.SetContentType(fiber.MIMEOctetStream)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		for frame := range wire.Frames(cut) {
			select {
			case <-n.stopping:
				return
			default:
			}
			if _, err := w.Write(frame); err != nil {
				return
			}
		}
	})
}
