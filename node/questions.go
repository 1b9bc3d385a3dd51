package node

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/wire"
)

// postLookup answers a child's question.
func (n *Node) postLookup(c *fiber.Ctx, req provedRequest) error {
	came := time.Now()
	q, err := wire.DecodeQuestion(req.body)
	if err != nil {
		return err
	}
	if err := n.checkTree(q.Tree); err != nil {
		return err
	}
	d := demand{Terms: q.Terms, came: came, until: came.Add(time.Duration(q.TimeLeft) * time.Millisecond), epoch: q.Epoch}
	var r reading = &keyReading{store: n.store, ordered: true, key: q.Key}
	if q.Limit > 0 {
		r = &pageReading{store: n.store, ordered: true, prefix: q.Key, after: q.After, limit: q.Limit}
	}
	l, err := n.seek(r, &d)
	if err != nil {
		return err
	}
	reply := r.reply(l)
	meta := n.store.Meta()
	reply.Tree, reply.Epoch = meta.Tree, meta.Epoch
	return writeBytes(c, wire.AppendLookup(nil, reply))
}
