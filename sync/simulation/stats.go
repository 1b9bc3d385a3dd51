package simulation

import (
	"reflect"

	"xylem/sync/wire"
)

// Stats counts what a run did, so that a run that proves nothing is found out.
type Stats struct {
	Acknowledged, Refused, Unknown        int // writes, by what the client was told
	Pending, Superseded, Unmet, NoRoom    int
	Reads, FailedReads                    int // of sessions
	Kills, PowerCuts, DiskFaults, Jumps   int // faults of nodes; jumps are of a wall clock
	TimesLost                             int // a root's wall clock was set back, and nobody could tell it
	Partitions                            int
	Abandoned                             int // versions that had been shown
	Roots, StepsAside, HandedOver         int // of elections
	Freezes                               int
	Withheld                              int // answers of a root that was frozen for too long before it gave them
	Abandonments                          int // sessions that were told that their version is on no history
	Lost                                  int // messages
	Forwards, Detours                     int // batches sent, and how often to another than the parent
	Rolls, Bypassed                       int // reports of nodes below, and how often an ancestor was found to bring nothing
	Heartbeats, Deltas, Snapshots, Events int
	Resumed                               int // snapshots that went on where one broke off
}

// Add adds what another run did.
func (s *Stats) Add(other Stats) {
	sum, added := reflect.ValueOf(s).Elem(), reflect.ValueOf(other)
	for i := range sum.NumField() {
		sum.Field(i).SetInt(sum.Field(i).Int() + added.Field(i).Int())
	}
}

// Void reports whether a run hurt so little, or so much, that it proves nothing.
func (s *Stats) Void() bool {
	return s.Acknowledged < 10 || s.Pending < 5 || s.Reads < 20 || s.Kills+s.PowerCuts == 0 || s.Partitions == 0
}

// pushed counts a push.
func (s *Stats) pushed(h *wire.Header) {
	switch h.Kind {
	case wire.Heartbeat:
		s.Heartbeats++
	case wire.Delta:
		s.Deltas++
	case wire.Snapshot:
		s.Snapshots++
		if !h.From.IsZero() {
			s.Resumed++
		}
	}
}
