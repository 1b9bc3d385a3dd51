package replica

import (
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/sync/version"
	"xylem/sync/wire"
)

// What a root that holds the writes before decides about a batch. Stamps are
// milliseconds after the start; the root's now is 500.
func TestDecide(t *testing.T) {
	tests := []struct{ name, before, batch, want string }{
		{"no condition", "a=1", "a=2, b=1", "ordered 1.2, ordered 1.3"},
		{"if it exists", "a=1, b=1, -b", "a=2 if exists, b=2 if exists, c=1 if exists", "ordered 1.4, unmet 0.0, unmet 0.0"},
		{"if it is absent", "a=1, b=1, -b", "a=2 if absent, b=2 if absent, c=1 if absent", "unmet 1.1, ordered 1.4, ordered 1.5"},
		{"if it is at a version", "a=1, a=2", "a=3 if 1.1, a=4 if 1.2, a=5 if 2.3", "unmet 1.2, ordered 1.3, unmet 1.3"},
		{"a tombstone's version is nobody's", "a=1, -a", "a=2 if 1.2, a=3 if 0.0", "unmet 0.0, unmet 0.0"},
		{"deletes have conditions too", "a=1", "-a if absent, -a if 1.1, -a if exists", "unmet 1.1, ordered 1.2, unmet 0.0"},
		{"against writes of the same batch", "", "a=1 if absent, a=2 if absent, a=3 if 1.1, -a if exists, a=4 if absent", "ordered 1.1, unmet 1.1, ordered 1.2, ordered 1.3, ordered 1.4"},
		{"nothing to order", "a=1", "a=2 if absent, b=1 if exists", "unmet 1.1, unmet 0.0"},
		{"nothing at all", "a=1", "", ""},

		{"queued before what is there", "a=1", "a=0 at 400, -a at 499, b=1 at 400", "superseded 1.1, superseded 1.1, ordered 1.2"},
		{"queued before a delete", "-a", "a=0 at 400", "superseded 1.1"},
		{"queued ones among themselves", "", "a=1 at 300, a=0 at 299, a=2 at 301, b=1 at 100, -a at 302, a=3 at 301", "ordered 1.1, superseded 1.1, ordered 1.2, ordered 1.3, ordered 1.4, superseded 1.4"},
		{"two of one stamp are told apart by their ids", "", "a=1 at 300 by 2-1, a=2 at 300 by 3-1, a=1 at 300 by 2-2", "ordered 1.1, ordered 1.2, superseded 1.2"},
		{"queued before one of the same batch", "", "a=1, a=0 at 400", "ordered 1.1, superseded 1.1"},
		{"queued with a condition", "a=1", "a=0 at 400 if absent, a=0 at 400 if exists, a=2 at 600 if exists", "superseded 1.1, superseded 1.1, ordered 1.2"},

		{"ordered elsewhere, behind what is there", "a=1", "a=2 at 600 if 1.7 was 1.8", "ordered 1.2"},
		{"ordered elsewhere, before what is there", "a=1", "a=2 at 600 if 1.7 was 1.0", "superseded 1.1"},
		{"ordered elsewhere, in another epoch", "a=1", "a=2 at 600 if 2.7 was 2.8, a=2 at 600 if 1.1 was 2.8", "superseded 1.1, ordered 1.2"},
		{"ordered elsewhere, behind what is there, and taken before it", "a=1", "a=2 at 400 if 1.7 was 1.8", "superseded 1.1"},

		{"ordered elsewhere, on top of what wins over what is there", "a=1 at 300", "a=2 at 400 if 1.7 was 2.8 on 301", "ordered 1.2"},
		{"ordered elsewhere, on top of what is there", "a=1 at 300", "a=2 at 400 if absent was 2.8 on 300", "ordered 1.2"},
		{"ordered elsewhere, on top of what loses to what is there", "a=1 at 300", "a=2 at 400 if 1.7 was 2.8 on 299", "superseded 1.1"},
		{"ordered elsewhere, on top of what loses to the second of two", "a=1 at 300", "a=2 at 400, a=3 at 500 if 1.7 was 2.8 on 301", "ordered 1.2, superseded 1.2"},

		{"sent again", "a=1 by 7-1", "a=1 by 7-1, a=1 by 7-1 at 300", "ordered 1.1, ordered 1.1"},
		{"sent again within a batch", "", "a=1 by 7-1, b=1 by 7-2, a=1 by 7-1", "ordered 1.1, ordered 1.2, ordered 1.1"},
		{"sent again after its condition ceased to hold", "a=1 by 7-1 if absent", "a=1 by 7-1 if absent", "ordered 1.1"},
		{"sent again after it was overwritten", "a=1 by 7-1, a=2 by 7-2", "a=1 by 7-1 at 499", "superseded 1.2"},
		{"a copy that comes late, of one that was sent again", "a=1 by 7-1 at 400, a=2 by 7-2", "a=1 by 7-1", "superseded 1.2"},
		{"a copy that comes late, of one with a stamp of the future", "a=1 by 7-1 at 9000, a=2 by 7-2", "a=1 by 7-1 at 9000", "superseded 1.2"},
		{"a delete sent again", "-a by 7-1", "-a by 7-1", "ordered 1.1"},
		{"without an id each is new", "a=1", "a=1, a=1", "ordered 1.2, ordered 1.3"},
		{"another node's id is another id", "a=1 by 7-1", "a=1 by 6-1, a=1 by 6-2", "ordered 1.2, ordered 1.3"},
	}
	split := func(writes string) []string {
		return slices.DeleteFunc(strings.Split(writes, ", "), func(w string) bool { return w == "" })
	}
	for _, test := range tests {
		s := openRoot(t, split(test.before)...)
		before, digest := s.core.store.Digest()
		effects := s.submit(split(test.batch)...)
		if strings.Contains(test.want, "ordered 1."+string(rune('1'+len(split(test.before))))) {
			if at, now := s.core.store.Digest(); at != before || now != digest {
				t.Errorf("%s: it is visible before it is durable", test.name)
			}
			effects = s.persisted()
		}
		reply, answered := effects[0].(Reply)
		if !answered || resultsText(reply.Results) != test.want {
			t.Errorf("%s: it does %s, want %s", test.name, effectText(effects[0]), test.want)
		}
	}
}

func TestTheResultOfAWriteSentAgainIsTheFirstOnes(t *testing.T) {
	s := openRoot(t)
	s.submit("a=1 by 7-1")
	first := s.persisted()[0].(Reply).Results[0]
	s.after(time.Minute)
	again := s.submit("a=1 by 7-1 at 90000")[0].(Reply).Results[0]
	if again != first || first.Stamp == 0 {
		t.Errorf("first %+v, then %+v", first, again)
	}
}

// A write that comes later than a forward may take, or from a node that has not
// heard of this epoch yet, may be a copy of one that was queued and ordered since: it
// is judged by the stamp that it brings.
func TestAnOldCopyIsJudgedByItsStamp(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		epoch uint64
		want  string
	}{
		"in time":         {time.Second, 1, "ordered 1.2"},
		"too late":        {time.Second + time.Millisecond, 1, "superseded 1.1"},
		"of an old epoch": {0, 0, "superseded 1.1"},
	} {
		s := openRoot(t)
		w := parseWrite(t, "a=1 by 7-1")
		w.Stamp = version.StampAt(s.now.Unix)
		s.after(time.Millisecond)
		s.write("a=2")
		s.after(test.after - time.Millisecond)
		s.step(&Submit{Ref: 100, Writes: []wire.Write{w}, Epoch: test.epoch})
		if len(s.asked) > 0 {
			s.persisted()
		}
		if got := lastReply(s); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// What a full disk refused was not decided: it may come again.
func TestAWriteThatTheDiskRefusedIsNotTakenForARepeat(t *testing.T) {
	s := openRoot(t)
	s.submit("a=1 by 7-1 at 400")
	s.fails(Full)
	s.write("a=1 by 7-1 at 400")
	if got := lastReply(s); got != "ordered 1.1" {
		t.Errorf("it is %s", got)
	}
}

func TestADeleteOfAnAbsentKeyIsOrderedToo(t *testing.T) {
	s := openRoot(t)
	s.write("-a by 7-1")
	e := s.core.store.Current("a")
	if e == nil || !e.Deleted() || e.Version.String() != "1.1" || e.Stamp == 0 || e.Write != (version.WriteID{Node: 7, Counter: 1}) {
		t.Errorf("of it the root holds %+v", e)
	}
	if counts := s.core.store.Counts(); counts.Tombstones != 1 || counts.Live != 0 {
		t.Errorf("%+v", counts)
	}
}

// Groups that order nothing wait for no disk, however many batches they make.
func TestBatchesWithoutAnOrderedWriteAreAnsweredAtOnce(t *testing.T) {
	s := openRoot(t, "a=1")
	s.core.cfg.BatchBytes = 1
	s.submit("b=1")
	for range 5 {
		s.submit("a=2 if absent")
	}
	s.submit("c=1")
	effects := s.persisted()
	if len(effects) != 7 || len(s.asked) != 1 {
		t.Fatalf("it does %d things", len(effects))
	}
	for i, e := range effects[:6] {
		if reply, answered := e.(Reply); !answered || reply.Ref != Ref(2+i) {
			t.Errorf("%d: it does %s", i, effectText(e))
		}
	}
}

func TestTakeBatch(t *testing.T) {
	r := openRoot(t).core
	r.cfg.BatchBytes = 100
	group := func(writes, bytes int) *Submit {
		in := &Submit{Writes: make([]wire.Write, writes)}
		if writes > 0 {
			in.Writes[0] = wire.Write{Key: "k", Value: strings.Repeat("v", bytes-1)}
		}
		return in
	}
	tests := []struct {
		name     string
		gathered []*Submit
		want     int
	}{
		{"nothing", nil, 0},
		{"all of it", []*Submit{group(1, 40), group(1, 60)}, 2},
		{"as much as fits", []*Submit{group(1, 40), group(1, 61), group(1, 1)}, 1},
		{"one group at least, whatever its size", []*Submit{group(1, 1000), group(1, 1)}, 1},
		{"as many writes as fit", []*Submit{group(5000, 1), group(3192, 1), group(1, 1)}, 2},
		{"one group at least, however many its writes", []*Submit{group(9000, 1), group(1, 1)}, 1},
		{"empty groups", []*Submit{group(0, 0), group(1, 100), group(0, 0), group(1, 1)}, 3},
	}
	for _, test := range tests {
		whole := slices.Clone(test.gathered)
		batch, rest, _ := r.takeBatch(test.gathered)
		if len(batch) != test.want || !slices.Equal(slices.Concat(batch, rest), whole) {
			t.Errorf("%s: %d groups of %d, and %d are left", test.name, len(batch), len(whole), len(rest))
		}
		_ = append(batch, nil)
		if len(rest) > 0 && rest[0] == nil {
			t.Errorf("%s: the batch grows into what is left", test.name)
		}
	}
}

// stampOf is the stamp of what the root holds for a key.
func (s *script) stampOf(key string) version.Stamp { return s.core.store.Current(key).Stamp }

func TestStampsGrowWhateverTheWallClockDoes(t *testing.T) {
	s := openRoot(t)
	var last version.Stamp
	grows := func(when string) {
		t.Helper()
		s.write("a=1", "b=1")
		if a, b := s.stampOf("a"), s.stampOf("b"); a <= last || b <= a {
			t.Errorf("%s: after %v come %v and %v", when, last, a, b)
		}
		last = s.stampOf("b")
	}
	grows("at first")
	s.after(time.Second)
	grows("a second later")
	if got := last.UnixMillis(); got != s.now.Unix {
		t.Errorf("the stamp says %d at %d", got, s.now.Unix)
	}
	s.now.Unix -= time.Hour.Milliseconds()
	grows("when the wall clock went back an hour")
	s.submit("c=1")
	s.fails(Full)
	grows("after a batch that failed")
	s.now.Unix -= 2 * time.Hour.Milliseconds()
	s.restart()
	s.after(s.cfg.Grace) // for a member that knows the time
	s.step(Wake{})
	s.persisted()
	grows("after a restart")
	before := last.UnixMillis()
	s.now.Unix += 3 * time.Hour.Milliseconds()
	s.now.Mono += time.Minute
	grows("when the wall clock is right again")
	if passed := last.UnixMillis() - before; passed != time.Minute.Milliseconds() {
		t.Errorf("the root's time went on by %d ms within a minute", passed)
	}
}

func TestAKeptStampIsKept(t *testing.T) {
	s := openRoot(t, "a=1")
	s.after(time.Second)
	s.write("a=2 at 1200")
	if got := s.stampOf("a"); got != version.StampAt(wallClock+1200) {
		t.Errorf("the stamp of a queued write became %v", got)
	}
	// One that is ahead of the root's time moves that up: so it can be told from what
	// overwrites it, however often it is sent.
	s.write("b=1 at 90000 by 7-1")
	s.write("b=2")
	if got := s.stampOf("b"); got <= version.StampAt(wallClock+90_000) || s.core.store.Meta().Stamp < got {
		t.Errorf("the next stamp is %v, and the latest is said to be %v", got, s.core.store.Meta().Stamp)
	}
	if got := s.core.RootMillis(); got != wallClock+90_000-maxAheadMillis {
		t.Errorf("the root's time is %d ms after the start", got-wallClock)
	}
	s.restart()
	s.persisted()
	s.submit("b=1 at 90000 by 7-1")
	if got := lastReply(s); got != "superseded 1.4" {
		t.Errorf("sent again, it is %s", got)
	}
}

// What a root adopts brings the time that its stamps go on from.
func TestStampsGoOnAfterAdoption(t *testing.T) {
	o := newOrigin(t)
	o.clock.Observe(version.StampAt(wallClock + time.Hour.Milliseconds()))
	o.write("a=1")
	s := rootScript(t)
	s.step(Started{})
	s.step(o.announced(2))
	s.wake()
	s.step(o.fetched(2))
	s.persisted()
	s.persisted()
	before := s.stampOf("a")
	s.write("a=2")
	if after := s.stampOf("a"); after <= before {
		t.Errorf("after %v comes %v", before, after)
	}
}
