package node

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/replica"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// ackDocument is the answer to a piece of a push. The ack of a piece that was taken is written and read here
// without encoding/json, which would be a tenth of what a small push costs.
type ackDocument struct {
	Outcome replica.AckOutcome `json:"outcome"`
	TreeID  string             `json:"tree_id"`
	Version version.Version    `json:"version"`
	Digest  string             `json:"digest,omitempty"` // "match" or "mismatch" where the push's version was reached

	// Of refusals, where a snapshot broke off: of which state it was, and up to where it came.
	CollectedOf version.Version `json:"collected_of,omitzero"`
	Collected   version.Version `json:"collected,omitzero"`
}

const (
	digestEqual   = "match"
	digestDiffers = "mismatch"
)

// What stands between the values of an ack as append writes it.
const (
	beforeOutcome = `{"outcome":"`
	beforeTree    = `","tree_id":"`
	beforeVersion = `","version":"`
	beforeDigest  = `","digest":"`
	afterAck      = `"}`
)

// maxAckBytes is the length of the longest ack of a piece that was taken.
const maxAckBytes = 192

// append writes the document as JSON. Nothing in an ack needs escaping.
func (d *ackDocument) append(text []byte) []byte {
	text = append(append(text, beforeOutcome...), d.Outcome...)
	text = append(append(text, beforeTree...), d.TreeID...)
	text = d.Version.Append(append(text, beforeVersion...))
	if d.Digest != "" {
		text = append(append(text, beforeDigest...), d.Digest...)
	}
	return append(text, afterAck...)
}

// UnmarshalJSON implements json.Unmarshaler. What append did not write, a refusal say, is read as any JSON.
func (d *ackDocument) UnmarshalJSON(text []byte) error {
	if d.parse(text) {
		return nil
	}
	type plain ackDocument // without this method
	return json.Unmarshal(text, (*plain)(d))
}

// parse reads exactly what append writes, and reports whether text is that.
func (d *ackDocument) parse(text []byte) bool {
	rest, begins := bytes.CutPrefix(text, []byte(beforeOutcome))
	rest, ends := bytes.CutSuffix(rest, []byte(afterAck))
	outcome, rest, hasTree := bytes.Cut(rest, []byte(beforeTree))
	tree, rest, hasVersion := bytes.Cut(rest, []byte(beforeVersion))
	reached, digest, hasDigest := bytes.Cut(rest, []byte(beforeDigest))
	quotes := 12
	if hasDigest {
		quotes = 16
	}
	// With no more quotes than these, none is in a value.
	if !begins || !ends || !hasTree || !hasVersion || bytes.Count(text, []byte(`"`)) != quotes || slices.ContainsFunc(text, special) {
		return false
	}
	at, err := version.Parse(string(reached))
	if err != nil {
		return false
	}
	*d = ackDocument{Outcome: replica.AckOutcome(outcome), TreeID: string(tree), Version: at, Digest: string(digest)}
	return true
}

// special reports whether a byte may stand in JSON for something else than itself, or not at all.
func special(c byte) bool { return c < ' ' || c > '~' || c == '\\' }

func (d *ackDocument) ack() (replica.Ack, error) {
	ack := replica.Ack{Outcome: d.Outcome, Version: d.Version, Mismatch: d.Digest == digestDiffers}
	ack.Collected = replica.Collected{At: d.Collected, Of: d.CollectedOf}
	tree, err := version.ParseTreeID(d.TreeID)
	ack.Tree = tree
	return ack, err
}

// writeAck answers a piece: 200, 403 or 409 as the contract's table says.
func (n *Node) writeAck(c *fiber.Ctx, h *wire.Header, ack replica.Ack) error {
	document := ackDocument{Outcome: ack.Outcome, TreeID: ack.Tree.String(), Version: ack.Version}
	if (ack.Outcome == replica.Applied || ack.Outcome == replica.Current) && ack.Version == h.To {
		document.Digest = digestEqual
		if ack.Mismatch {
			document.Digest = digestDiffers
		}
	}
	p := &problem{slug: string(ack.Outcome)}
	switch ack.Outcome {
	case replica.Applied, replica.Current, replica.Late, replica.Continue:
		var buf [maxAckBytes]byte
		c.Response().Header.SetContentType(typeJSON)
		c.Response().SetBody(document.append(buf[:0])) // which copies it
		return nil
	case replica.NotRoot:
		p.status, p.detail = http.StatusForbidden, "only the root may push, or with sync.fanout tree a node above this one"
	case replica.OldEpoch:
		p.status, p.detail = http.StatusForbidden, "the push is of an epoch that is over"
	case replica.Gap:
		p.status, p.detail = http.StatusConflict, "the push does not begin at or before this node's version"
	case replica.Foreign:
		p.status, p.detail = http.StatusConflict, "this node's version is not on the push's history"
	case replica.OtherTree:
		p.status, p.detail = http.StatusConflict, "this node belongs to another tree and holds its state"
	case replica.Damaged:
		p.status, p.detail = http.StatusBadRequest, "the entries do not add up to the digest"
	default:
		p.status, p.detail = http.StatusServiceUnavailable, "this node could not write the push to its disk"
	}
	p.with("outcome", document.Outcome).with("tree_id", document.TreeID).with("version", document.Version)
	if collected := ack.Collected; !collected.At.IsZero() {
		p.with("collected", collected.At).with("collected_of", collected.Of)
	}
	return p
}
