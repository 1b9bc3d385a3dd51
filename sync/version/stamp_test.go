package version_test

import (
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

const noon = 1_753_700_400_000

func TestStampsFollowTheWallClock(t *testing.T) {
	var c version.Clock
	if got := c.Next(noon); got != version.StampAt(noon) || got.UnixMillis() != noon {
		t.Errorf("the first stamp is %v", got)
	}
	if got := c.Next(noon); got.String() != "1753700400000+1" {
		t.Errorf("the second of a millisecond is %v", got)
	}
	if got := c.Next(noon + 5); got != version.StampAt(noon+5) {
		t.Errorf("a later millisecond starts at %v", got)
	}
}

func TestAWallClockThatJumpsBackDoesNotTakeTheStampsAlong(t *testing.T) {
	var c version.Clock
	before := c.Next(noon)
	for i := range 1000 {
		after := c.Next(noon - 3_600_000 + int64(i))
		if after <= before {
			t.Fatalf("%v follows %v", after, before)
		}
		before = after
	}
	if before.UnixMillis() != noon {
		t.Errorf("the stamps ran away to %v", before)
	}
	if got := c.Next(noon + 1); got != version.StampAt(noon+1) {
		t.Errorf("once the wall clock is ahead again the stamp is %v", got)
	}
}

func TestMoreEventsThanAMillisecondHoldsRunIntoTheNext(t *testing.T) {
	var c version.Clock
	for range 1 << 16 {
		c.Next(noon)
	}
	if last := c.Last(); last.UnixMillis() != noon {
		t.Fatalf("65,536 events do not fit a millisecond: %v", last)
	}
	if got := c.Next(noon); got != version.StampAt(noon+1) {
		t.Errorf("the next is %v", got)
	}
	if got := c.Next(noon + 1); got != version.StampAt(noon+1)+1 {
		t.Errorf("the real next millisecond goes on with %v", got)
	}
}

func TestAnObservedStampIsLeftBehind(t *testing.T) {
	var c version.Clock
	c.Observe(version.StampAt(noon) + 7)
	c.Observe(version.StampAt(noon - 1)) // an older one changes nothing
	if got := c.Next(noon); got != version.StampAt(noon)+8 {
		t.Errorf("after it comes %v", got)
	}
}

func TestAClockNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c version.Clock
		var latest version.Stamp
		for range rapid.IntRange(1, 50).Draw(t, "events") {
			millis := rapid.Int64Range(-1000, 1<<47).Draw(t, "wall clock")
			if rapid.Bool().Draw(t, "hears") {
				c.Observe(version.StampAt(millis))
				latest = max(latest, version.StampAt(millis))
			} else {
				next := c.Next(millis)
				if next <= latest || next.UnixMillis() > max(latest.UnixMillis()+1, millis) {
					t.Fatalf("at %d ms %v follows %v", millis, next, latest)
				}
				latest = next
			}
			if c.Last() != latest {
				t.Fatalf("the last is %v, want %v", c.Last(), latest)
			}
		}
	})
}

func TestAWallClockBefore1970CountsAsZero(t *testing.T) {
	if got := version.StampAt(-1); got != 0 {
		t.Errorf("it is %v", got)
	}
}

func TestWriteIDs(t *testing.T) {
	if !(version.WriteID{}).IsZero() || (version.WriteID{Node: 1}).IsZero() || (version.WriteID{Counter: 1}).IsZero() {
		t.Error("the zero id is told apart wrongly")
	}
	second := version.WriteID{Node: 7, Counter: 2<<version.BootShift | 1}
	if got := second.String(); got != "7-2199023255553" {
		t.Errorf("the first write of boot 2 is %s", got)
	}
	runs := version.WriteID{Node: 7, Counter: 1<<version.BootShift | (1<<version.BootShift - 1)}
	if runs.Counter >= second.Counter {
		t.Error("the last write of a boot comes after the first of the next")
	}
}

func TestTreeIDs(t *testing.T) {
	var none version.TreeID
	if !none.IsZero() || none.String() != "" {
		t.Errorf("no tree is %q", none)
	}
	some := version.TreeID{0: 0xab, 15: 0x01}
	if some.IsZero() || some.String() != "ab000000000000000000000000000001" {
		t.Errorf("a tree is %q", some)
	}
}
