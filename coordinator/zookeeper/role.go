package zookeeper

import (
	"math/rand/v2"
	"time"
)

// role is this node's candidacy, and then its being root:
//
//	none --created NS/root--> candidate without epoch --took one--> elected --Serve--> root
//	any --StepAside, HandOver, NS/root or the session gone--> none
type role struct {
	epoch        uint64    // 0 until it is taken
	epochVersion int32     // of NS/epoch, as this candidate wrote it: what fences its writes
	version      int32     // of NS/root
	elected      bool      // Elected was delivered
	serving      bool      // NS/root says so
	renewed      time.Time // when the last successful heartbeat began
	mirror       *mirror   // nil until it serves
}

// what is the role in a word, for the log.
func (r *role) what() string {
	switch {
	case r == nil:
		return "member"
	case r.serving:
		return "root"
	}
	return "candidate"
}

// endRole ends all that only a candidate or root does. Nothing is delivered.
func (r *run) endRole() {
	if r.role != nil && r.role.mirror != nil {
		r.role.mirror.close()
	}
	r.role = nil
}

// lose takes in that this session holds NS/root no more.
func (r *run) lose() {
	if r.role != nil {
		r.endRole()
		r.tell(Leaderless{})
	}
}

// backOff keeps a node that stepped aside from competing for a while.
type backOff struct {
	delay  time.Duration // of the last time, 0 after having served
	until  time.Time
	beyond uint64 // the next epoch has to be above it
}

// stepAside does what StepAside says.
func (r *run) stepAside(a aside) {
	r.back.beyond = max(r.back.beyond, a.beyond)
	if r.role == nil || r.role.epoch != a.epoch || a.epoch == 0 {
		return
	}
	r.log.Info("stepping aside", "was", r.role.what(), "epoch", a.epoch, "why", a.why)
	if a.beyond == 0 {
		r.back.delay = min(max(2*r.back.delay, r.timeout()/4), 2*r.timeout())
		jittered := r.back.delay*3/4 + rand.N(r.back.delay/2+1)
		r.back.until = time.Now().Add(jittered)
	}
	r.lose()
	r.root.fresh = false // what is to be deleted is seen there
}
