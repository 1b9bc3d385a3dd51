package replica

import (
	"fmt"
	"strings"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// inputText is an input as golden files show it.
func inputText(in Input) string {
	switch in := in.(type) {
	case *Submit:
		who := ""
		if in.Client {
			who = "a client's "
		}
		return fmt.Sprintf("%ssubmit #%d: %s", who, in.Ref, writesText(in.Writes))
	case Persisted:
		return [...]string{"persisted", "the disk is full", "the disk is broken"}[in.Failure]
	case Forwarded:
		which := ""
		if in.Queue {
			which = " from the queue"
		}
		if in.Failed != 0 {
			return "forwarded" + which + ": " + outcomeText(in.Failed)
		}
		return fmt.Sprintf("forwarded%s, in epoch %d: %s", which, in.Results.Epoch, resultsText(in.Results.Results))
	case *Piece:
		part := ""
		if in.Partial {
			part = ", more pieces follow"
		}
		return fmt.Sprintf("push #%d from NODE-%d: %s%s", in.Ref, in.Sender, pushText(&in.Header, in.Entries), part)
	case Members:
		text := "members:"
		for _, m := range in.Members {
			text += fmt.Sprintf(" NODE-%d/%s", m.Node, m.Instance)
		}
		return text
	case Confirmed:
		return fmt.Sprintf("NODE-%d answers push %d: %s", in.Node, in.Number, ackText(in.Ack))
	case Expire:
		return fmt.Sprintf("expire before %d", in.Before.UnixMillis()-wallClock)
	case *Announced:
		return fmt.Sprintf("announced #%d: NODE-%d of %s, epoch %d, at %v", in.Ref, in.Node, treeText(in.Tree), in.Epoch, in.Version)
	case Fetched:
		if in.Builder == nil {
			return fmt.Sprintf("fetched nothing from NODE-%d", in.Node)
		}
		return fmt.Sprintf("fetched from NODE-%d: %v of %s", in.Node, in.Header.To, metaText(&in.Header.Meta))
	}
	return roleInputText(in)
}

// roleInputText is an input of a tree whose root is elected.
func roleInputText(in Input) string {
	switch in := in.(type) {
	case Lead:
		return fmt.Sprintf("lead in epoch %d, among %v", in.Epoch, in.Members)
	case Gathered:
		if in.Promise == nil {
			return fmt.Sprintf("NODE-%d gives no answer", in.Node)
		}
		return fmt.Sprintf("NODE-%d answers: %s", in.Node, promiseText(in.Promise))
	case *Asked:
		return fmt.Sprintf("asked #%d by NODE-%d for epoch %d", in.Ref, in.Sender, in.Epoch)
	case Follow:
		return fmt.Sprintf("follow NODE-%d in epoch %d", in.Root, in.Epoch)
	case Leased:
		return fmt.Sprintf("leased until %.3f", in.Until.Seconds())
	case HandOver:
		return fmt.Sprintf("hand over to NODE-%d", in.Node)
	case *Rolled:
		return fmt.Sprintf("roll #%d: %s", in.Ref, rollText(&in.Roll))
	case RollTold:
		if in.Reply == nil {
			return "nobody takes the roll"
		}
		return "the roll is answered: " + replyText(in.Reply)
	case Above:
		return fmt.Sprintf("above are %v", in.Nodes)
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", in), "replica."))
}

func rollText(r *wire.Roll) string {
	text := "of"
	for _, s := range r.Nodes {
		text += fmt.Sprintf(" NODE-%d at %v", s.Node, s.Version)
		if s.Differs {
			text += " which differs"
		}
	}
	if !r.Whole {
		text += fmt.Sprintf(", the others at %v", r.Floor)
	}
	return text
}

func replyText(r *wire.RollReply) string {
	return fmt.Sprintf("%s, by one at %v", [...]string{"", "taken", "taken, send all", "join first", "ask above"}[r.Verdict], r.Version)
}

func promiseText(p *wire.Promise) string {
	if !p.Granted {
		return fmt.Sprintf("refused, for epoch %d", p.Epoch)
	}
	text := fmt.Sprintf("promised epoch %d at %v", p.Epoch, p.Version)
	for _, e := range p.Writes {
		text += fmt.Sprintf(", seen %v %s", e.Version, writeText(e.Key, e.Value))
	}
	return text
}

// effectText is an effect as golden files show it.
func effectText(e Effect) string {
	switch e := e.(type) {
	case Persist:
		return "persist " + recordText(e)
	case Checkpoint:
		text := fmt.Sprintf("checkpoint %v of %s: %s", e.State.To, metaText(&e.State.Meta), cutText(e.State))
		if queue := e.Local.Queue; len(queue) > 0 {
			text += ", with the queue " + entriesText(queue)
		}
		return text
	case Compact:
		return fmt.Sprintf("compact %v of %s: %s", e.State.To, metaText(&e.State.Meta), cutText(e.State))
	case Forward:
		which := ""
		if e.Queue {
			which = " from the queue"
		}
		return fmt.Sprintf("forward%s in epoch %d: %s", which, e.Batch.Epoch, writesText(e.Batch.Writes))
	case Reply:
		return fmt.Sprintf("reply #%d: %s", e.Ref, resultsText(e.Results))
	case Acknowledge:
		return fmt.Sprintf("answer #%d: %s", e.Ref, ackText(e.Ack))
	case Push:
		text := pushText(&e.Header, nil)
		if e.Cut != nil {
			text += ": " + cutText(e.Cut)
		}
		return fmt.Sprintf("push %d to NODE-%d: %s", e.Header.Number, e.Node, text)
	case Admit:
		return fmt.Sprintf("admit #%d: %s", e.Ref, [...]string{"?", "welcome", "not yet", "stranger", "beyond"}[e.Verdict])
	case Fetch:
		return fmt.Sprintf("fetch from NODE-%d", e.Node)
	}
	return roleEffectText(e)
}

// roleEffectText is an effect of a tree whose root is elected.
func roleEffectText(e Effect) string {
	switch e := e.(type) {
	case Gather:
		return fmt.Sprintf("gather from NODE-%d for epoch %d", e.Node, e.Epoch)
	case Promised:
		return fmt.Sprintf("promise #%d: %s", e.Ref, promiseText(&e.Promise))
	case Serving:
		return fmt.Sprintf("serving in epoch %d, %d writes ordered again", e.Epoch, e.Again)
	case StepAside:
		return fmt.Sprintf("step aside in epoch %d, beyond %d: %s", e.Epoch, e.Beyond, e.Why)
	case HandedOver:
		return fmt.Sprintf("handed over to NODE-%d in epoch %d, failed: %v", e.Node, e.Epoch, e.Failed)
	case TellRoll:
		return "tell the roll " + rollText(&e.Roll)
	case AnswerRoll:
		return fmt.Sprintf("answer roll #%d: %s", e.Ref, replyText(&e.Reply))
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "replica."))
}

// recordText tells the kind of a record; of its bytes golden files know nothing.
func recordText(e Persist) string {
	text := map[byte]string{3: "a delta", 7: "queued writes", 8: "settled writes", 9: "the root's time", 10: "provisional writes", 11: "a promise"}[e.Record[0]]
	if meta, rest, err := store.ReadMeta(e.Record[1:]); err == nil && len(rest) == 0 {
		text = metaText(&meta)
	}
	if e.Sync {
		return text + ", flushed"
	}
	return text
}

func treeText(id version.TreeID) string {
	if id.IsZero() {
		return "no tree"
	}
	return "tree " + id.String()[:2]
}

func metaText(m *store.Meta) string {
	text := fmt.Sprintf("%s, epoch %d", treeText(m.Tree), m.Epoch)
	if len(m.History) > 0 {
		text += fmt.Sprintf(", cuts %v", m.History)
	}
	if !m.Floor.IsZero() {
		text += fmt.Sprintf(", floor %v", m.Floor)
	}
	return text
}

func pushText(h *wire.Header, entries []*store.Entry) string {
	text := fmt.Sprintf("%v in epoch %d, ", h.Kind, h.Meta.Epoch)
	if h.Kind == wire.Delta && h.From != h.To || h.Kind == wire.Snapshot && !h.From.IsZero() {
		text += fmt.Sprintf("from %v ", h.From)
	}
	text += fmt.Sprintf("to %v", h.To)
	if len(entries) > 0 {
		text += ": " + entriesText(entries)
	}
	return text
}

func cutText(c *store.Cut) string {
	var entries []*store.Entry
	for e := range c.Entries() {
		entries = append(entries, e)
	}
	return entriesText(entries)
}

func entriesText(entries []*store.Entry) string {
	if len(entries) == 0 {
		return "nothing"
	}
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = writeText(e.Key, e.Value)
	}
	return strings.Join(texts, " ")
}

func writeText(key, value string) string {
	if value == "" {
		return "-" + key
	}
	return key + "=" + value
}

func writesText(writes []wire.Write) string {
	texts := make([]string, len(writes))
	for i, w := range writes {
		texts[i] = writeText(w.Key, w.Value)
	}
	return strings.Join(texts, " ")
}

func outcomeText(o wire.Outcome) string {
	return [...]string{"?", "ordered", "superseded", "unmet", "unreachable", "unknown", "full", "pending", "the queue is full"}[o]
}

func resultsText(results []wire.Result) string {
	texts := make([]string, len(results))
	for i, res := range results {
		texts[i] = outcomeText(res.Outcome)
		if res.Outcome <= wire.Unmet {
			texts[i] += " " + res.Version.String()
		}
	}
	return strings.Join(texts, ", ")
}

func ackText(a Ack) string {
	text := string(a.Outcome)
	if a.Outcome != Lost {
		text += " at " + a.Version.String()
	}
	if a.Mismatch {
		text += ", another digest"
	}
	if c := a.Collected; !c.At.IsZero() {
		text += fmt.Sprintf(", has up to %v of a snapshot of %v", c.At, c.Of)
	}
	return text
}
