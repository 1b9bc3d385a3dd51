package node

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// demand is how fresh an answer has to be, and how long it may take.
type demand struct {
	wire.Terms
	came   time.Time
	until  time.Time
	epoch  uint64 // the highest that any node the question came through has heard of
	client bool   // it is a client's of this node, not a child's
}

// patient reports whether to wait, until the time is up, for what is not there yet.
// A child asks its other ancestors rather, and waits itself.
func (d *demand) patient() bool { return d.client && d.Terms != (wire.Terms{}) }

// plain is the demand of a request that has none: what ancestors know of a missing
// key is asked for, and whatever is known then will do.
func (n *Node) plain() demand {
	now := time.Now()
	return demand{came: now, until: now.Add(n.opts.Config.Writes.Timeout), client: true}
}

// defaultTimeout is that of requests with a demand and without Xylem-Timeout-Ms.
const defaultTimeout = time.Second

// demanded reads Xylem-Min-Version, Xylem-Max-Lag-Ms and Xylem-Timeout-Ms. Every
// error is a problem.
func (n *Node) demanded(c *fiber.Ctx) (demand, error) {
	d := n.plain()
	for name, slug := range demandHeaders {
		if len(c.Request().Header.PeekAll(name)) > 1 {
			return d, badRequest(slug, name+" is there more than once")
		}
	}
	timeout := defaultTimeout
	if text := c.Get(headerTimeout); text != "" {
		millis, err := strconv.ParseInt(text, 10, 64)
		if err != nil || millis < 1 || millis > wire.MaxTimeLeft {
			return d, badRequest("timeout", fmt.Sprintf("%s is %s: want a number of milliseconds from 1 to %d", headerTimeout, quoted(text), wire.MaxTimeLeft))
		}
		timeout = time.Duration(millis) * time.Millisecond
	}
	if text := c.Get(headerMinVersion); text != "" {
		v, err := version.Parse(text)
		if err != nil {
			return d, badRequest("min-version", headerMinVersion+": "+err.Error())
		}
		d.Min = v
	}
	if text := c.Get(headerMaxLag); text != "" {
		most, err := strconv.ParseInt(text, 10, 64)
		if err != nil || most < 0 {
			return d, badRequest("max-lag", fmt.Sprintf("%s is %s: want a number of milliseconds", headerMaxLag, quoted(text)))
		}
		d.LagBounded, d.MaxLag = true, most
	}
	if d.patient() {
		d.until = d.came.Add(timeout)
	}
	return d, nil
}

// demandHeaders are the headers of a demand, and the slugs of what is wrong with them.
var demandHeaders = map[string]string{headerMinVersion: "min-version", headerMaxLag: "max-lag", headerTimeout: "timeout"}

// metBy reports whether an answer is fresh enough that lacks nothing before asOf.
func (d *demand) metBy(asOf version.Version, l lag) bool {
	return !asOf.Before(d.Min) && (!d.LagBounded || (l.known && l.millis <= d.MaxLag))
}

// meets reports whether what is in memory as of a version meets a demand.
func (n *Node) meets(d *demand, asOf version.Version, l lag) bool {
	return d.metBy(asOf, l) && n.canTell(d.Min, asOf)
}

// canTell reports whether this node knows enough of the history to say whether one
// version leads to another: it may have learnt of a write in an epoch of which it
// knows nothing else yet.
func (n *Node) canTell(least, asOf version.Version) bool {
	return least.IsZero() || least.Epoch == asOf.Epoch || n.store.Meta().Epoch >= asOf.Epoch
}

// abandoned says so if the version asked for is on no history any more, as far as
// this node knows. One that has heard of fewer epochs than who asks cannot tell.
func (n *Node) abandoned(d *demand) error {
	if d.Min.IsZero() {
		return nil
	}
	meta := n.store.Meta()
	if meta.Epoch < max(d.epoch, d.Min.Epoch) || meta.OnHistory(d.Min) {
		return nil
	}
	return &problem{
		status: http.StatusConflict, slug: "version-abandoned",
		detail: fmt.Sprintf("version %v is on no history that %s remembers: it was never given, or abandoned when the root was started again or replaced; "+
			"read without it to go on from what there is now", d.Min, n.name),
	}
}

// notFresh says what this node has instead of what was asked for.
func (n *Node) notFresh(d *demand, asOf version.Version, l lag) error {
	why := fmt.Sprintf("the answer here is as of %v, before %v", asOf, d.Min)
	switch {
	case asOf.Before(d.Min):
	case !l.known:
		why = "this node has not heard from the root since it started"
	default:
		why = fmt.Sprintf("this node last knew that it was up to date %d ms ago, and at most %d ms were asked for", l.millis, d.MaxLag)
	}
	return &problem{
		status: http.StatusGatewayTimeout, slug: "not-fresh",
		detail: why + ", and nothing fresher came in time; try again, or ask another node",
	}
}
