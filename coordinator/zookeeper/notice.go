package zookeeper

import (
	"strings"
	"time"
)

// notice takes in what became of the connection since the last step, and says it
// once in the log.
func (r *run) notice() {
	now, fired := r.session.look()
	before := r.seen
	r.seen = now
	if fired[r.paths.root] {
		r.root.armed, r.root.fresh = false, false
	}
	if fired[r.paths.members] {
		r.crowded, r.ballot = false, nil
	}
	if before.id != 0 && now.id != before.id {
		r.log.Warn("the session with ZooKeeper has expired; beginning a new one", "lost", r.role.what())
		r.lose()
	}
	if now.id != 0 && now.id != before.id {
		r.begin(before)
		return
	}
	switch {
	case before.connected && !now.connected:
		what := "ZooKeeper is lost; going on without it until it is back"
		if r.role != nil {
			what += ", but not ordering for longer than half a session time-out: then writes are queued"
		}
		r.log.Warn(what, "server", before.server)
	case !before.connected && now.connected:
		r.log.Info("ZooKeeper is back, and with it the session", "server", now.server)
		r.root.fresh = false
	case now.id == 0 && !r.unreached:
		r.missing()
	}
}

// begin takes in a new session: nothing of what was ephemeral is there, and no
// watch is armed.
func (r *run) begin(before state) {
	r.joined, r.prepared, r.enrolled, r.ballot = time.Now(), false, false, nil
	r.root, r.crowded, r.unreached = sight{}, false, false
	r.log.Info("a session with ZooKeeper has begun", "server", r.seen.server, "timeout", r.seen.granted)
	if r.seen.granted != r.SessionTimeout && r.seen.granted != before.granted {
		r.log.Warn("ZooKeeper grants another session time-out than was asked for: its minSessionTimeout and maxSessionTimeout bound it",
			"asked", r.SessionTimeout, "granted", r.seen.granted)
	}
}

// missing says once that ZooKeeper cannot be reached, when there has been time to.
func (r *run) missing() {
	if !r.joined.IsZero() {
		return // its loss was told
	}
	if limit := r.began.Add(r.SessionTimeout); time.Now().Before(limit) {
		r.by(limit)
		return
	}
	r.unreached = true
	r.log.Warn("ZooKeeper cannot be reached; trying on until it can", "servers", strings.Join(r.Servers, ","), "err", r.seen.failure)
}
