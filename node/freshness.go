package node

import (
	"fmt"
	"net/http"
	"strconv"

	"xylem/sync/version"
)

// demand holds what a request asks for in Xylem-Min-Version and Xylem-Max-Lag-Ms
// against an answer as of a version. A node that is not as fresh says so with
// 504; it does not ask upward for the sake of freshness yet.
func (n *Node) demand(least, mostLag string, asOf version.Version) error {
	if least != "" {
		v, err := version.Parse(least)
		if err != nil {
			return badRequest("min-version", headerMinVersion+": "+err.Error())
		}
		meta := n.store.Meta()
		if v.Epoch <= meta.Epoch && !meta.OnHistory(v) {
			return &problem{
				status: http.StatusConflict, slug: "version-abandoned",
				detail: fmt.Sprintf("version %v is on no history: the root was replaced before anybody else had seen it", v),
			}
		}
		if asOf.Before(v) {
			return n.notFresh(fmt.Sprintf("the answer here is as of %v, before %v", asOf, v))
		}
	}
	if mostLag != "" {
		most, err := strconv.ParseInt(mostLag, 10, 64)
		if err != nil || most < 0 {
			return badRequest("max-lag", fmt.Sprintf("%s is %q: want a number of milliseconds", headerMaxLag, mostLag))
		}
		lag, known := n.lagMillis()
		switch {
		case !known:
			return n.notFresh("this node has not heard from the root since it started")
		case lag > most:
			return n.notFresh(fmt.Sprintf("this node last knew that it was up to date %d ms ago", lag))
		}
	}
	return nil
}

func (n *Node) notFresh(why string) error {
	return &problem{status: http.StatusGatewayTimeout, slug: "not-fresh", detail: why + "; try again, or ask the root"}
}
