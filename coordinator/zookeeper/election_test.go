package zookeeper

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/coordinator"
)

func TestTheConfiguredRootIsElectedFirst(t *testing.T) {
	tr := newTree(t, long)
	two, three := tr.start(2, 0), tr.start(3, 0)
	one := tr.start(1, 0)
	e := one.elected()
	if e.Epoch != 2 || e.Placement != nil {
		t.Fatalf("elected as %+v, want epoch 2, above that of the data, without a placement", e)
	}
	one.serves(2, placed(1))
	one.leased(time.Now())
	two.hears(one.following(2))
	three.hears(one.following(2))
	// A member that comes later hears who is root, and no more.
	four := tr.start(4, 9)
	four.hears(one.following(2))
	if err := one.Save(tr.ctx(), 2, placed(1, 2, 3, 4)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{one, two, three, four} {
		n.silent()
	}
}

func TestTheNextRootIsWhoHoldsMost(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	epoch := one.reign(1, 2, 3, 4)
	two, three, four := tr.start(2, 7), tr.start(3, 9), tr.start(4, 9)
	for _, n := range []*node{two, three, four} {
		n.hears(one.following(epoch))
	}
	four.mu.Lock()
	four.holds.Promised = 40
	four.mu.Unlock()
	one.stop()
	for _, n := range []*node{two, three, four} {
		n.hears(Leaderless{})
	}
	e := three.elected()
	want := Elected{Epoch: 41, Living: []coordinator.Member{two.Self, four.Self}, Placement: placed(1, 2, 3, 4), Tree: one.holds.Tree}
	if !reflect.DeepEqual(e, want) {
		t.Fatalf("elected as %+v, want %+v", e, want)
	}
	three.serves(e.Epoch, placed(3, 2, 1, 4))
	two.hears(three.following(41))
	four.hears(three.following(41))
}

func TestTheConfiguredRootComesBackOnlyAsFarAsTheOthers(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	epoch := one.reign(1, 2)
	two := tr.start(2, 5)
	two.hears(one.following(epoch))
	one.stop()
	two.hears(Leaderless{})
	e := two.reign(2, 1)
	<-one.ended
	again := tr.startAs(process(1, "second"), 4)
	again.hears(two.following(e))
	again.silent()
	two.stop()
	again.hears(Leaderless{})
	if next := again.elected(); next.Epoch <= e || len(next.Living) != 0 {
		t.Fatalf("elected as %+v after epoch %d", next, e)
	}
}

func TestWhoStepsAsideLetsAnotherGoFirst(t *testing.T) {
	tr := newTree(t, 2*time.Second)
	one := tr.start(1, 5)
	first := one.reign(1, 2)
	two := tr.start(2, 4)
	two.hears(one.following(first))
	one.StepAside(first, 0, "the test wants it")
	one.hears(Leaderless{})
	two.hears(Leaderless{})
	second := two.elected()
	if second.Epoch <= first {
		t.Fatalf("epoch %d after %d", second.Epoch, first)
	}
	if err := one.Save(tr.ctx(), first, placed(1, 2)); !errors.Is(err, ErrDeposed) {
		t.Fatalf("a root that stepped aside saves: %v", err)
	}
	// Told of an epoch beyond its own it competes again at once, though others may be faster.
	one.StepAside(first, 100, "late and of another epoch: nothing")
	two.StepAside(second.Epoch, 70, "somebody promised 70")
	two.hears(Leaderless{})
	var third uint64
	select {
	case e := <-two.events:
		third = e.(Elected).Epoch
		if third != 71 {
			t.Fatalf("NODE-2 takes epoch %d, want 71", third)
		}
	case e := <-one.events:
		third = e.(Elected).Epoch
		if third != 101 {
			t.Fatalf("NODE-1 takes epoch %d, want 101: it was told of 100", third)
		}
	case <-time.After(patience):
		t.Fatal("nobody is elected")
	}
}

func TestACandidateAloneTriesAgainAndNoEpochIsTakenTwice(t *testing.T) {
	tr := newTree(t, 400*time.Millisecond)
	nodes := []*node{tr.start(1, 5), tr.start(2, 5), tr.start(3, 5)}
	epochs := []uint64{0}
	for range 12 {
		var n *node
		var e Event
		select {
		case e = <-nodes[0].events:
			n = nodes[0]
		case e = <-nodes[1].events:
			n = nodes[1]
		case e = <-nodes[2].events:
			n = nodes[2]
		case <-time.After(patience):
			t.Fatal("nobody is elected")
		}
		candidate, ok := e.(Elected)
		if !ok {
			continue
		}
		if last := epochs[len(epochs)-1]; candidate.Epoch <= last {
			t.Fatalf("%s takes epoch %d after %d", n.Self.Name(), candidate.Epoch, last)
		}
		epochs = append(epochs, candidate.Epoch)
		n.StepAside(candidate.Epoch, 0, "it reaches nobody")
	}
	if len(epochs) < 6 {
		t.Fatalf("epochs %v: want half of the events to be elections", epochs)
	}
}

func TestTheRootHandsOver(t *testing.T) {
	tr := newTree(t, long)
	one := tr.start(1, 5)
	epoch := one.reign(1, 2, 3)
	two, three := tr.start(2, 5), tr.start(3, 1)
	two.hears(one.following(epoch))
	three.hears(one.following(epoch))
	if err := one.HandOver(tr.ctx(), epoch, 4); !errors.Is(err, coordinator.ErrUnknownMember) {
		t.Fatalf("handed over to nobody: %v", err)
	}
	if err := one.HandOver(tr.ctx(), epoch, 3); err != nil {
		t.Fatal(err)
	}
	one.hears(Leaderless{})
	three.hears(Leaderless{})
	next := three.reign(3, 2, 1)
	one.hears(three.following(next))
	// The wish is for one election. In the next the configured root is as far as NODE-2.
	three.StepAside(next, 0, "the test wants it")
	one.hears(Leaderless{})
	if last := one.elected(); last.Epoch <= next {
		t.Fatalf("epoch %d after %d", last.Epoch, next)
	}
}

func TestWhoIsUnfitIsNoCandidate(t *testing.T) {
	tr := newTree(t, short)
	tr.change = func(c *Config) {
		if c.Self.ID == 1 {
			c.Holding = func() Holding { return Holding{Epoch: 9, Seq: 9} }
		}
	}
	one, two := tr.start(1, 5), tr.start(2, 5)
	e := two.reign(1, 2)
	one.hears(two.following(e))
}

func TestATreeThatStartsWaitsForHalfOfItself(t *testing.T) {
	tr := newTree(t, 2*time.Second)
	one := tr.start(1, 5)
	one.reign(1, 2, 3, 4, 5)
	one.stop()
	<-one.ended
	// The former root comes first, and is not as far as who comes last.
	nodes := []*node{tr.startAs(process(1, "second"), 5), tr.start(2, 5)}
	c := tr.plain()
	tr.until("both take part in an election", func() bool {
		return strings.Count(list(t, c, tr.namespace+"/members"), `"round":3`) == 2
	})
	began := time.Now()
	tr.until("they wait", func() bool { return time.Since(began) > tr.timeout/4 })
	nodes[0].silent()
	nodes[1].silent()
	last := tr.start(3, 6)
	if e := last.elected(); len(e.Living) != 2 {
		t.Fatalf("elected as %+v", e)
	}
}

func TestATreeThatStartsDoesNotWaitForEver(t *testing.T) {
	tr := newTree(t, short)
	one := tr.start(1, 5)
	one.reign(1, 2, 3, 4, 5)
	one.stop()
	<-one.ended
	tr.start(2, 5).reign(2, 1, 3, 4, 5)
}

func TestRanking(t *testing.T) {
	bid := func(k int, epoch, seq uint64) memberNode {
		return memberNode{Member: coordinator.Member{ID: k}, Epoch: epoch, Seq: seq, Fit: true}
	}
	unfit := bid(6, 9, 9)
	unfit.Fit = false
	for _, test := range []struct {
		name  string
		bids  []memberNode
		named int
		want  []int
	}{
		{"nobody", nil, 0, nil},
		{"nobody is fit", []memberNode{unfit}, 6, nil},
		{"equals: the configured root, then by number", []memberNode{bid(5, 1, 1), bid(1, 1, 1), bid(2, 1, 1)}, 0, []int{2, 1, 5}},
		{"the configured root is behind", []memberNode{bid(2, 1, 1), bid(3, 1, 2), bid(4, 1, 3)}, 0, []int{4, 3, 2}},
		{"epochs count before seqs", []memberNode{bid(4, 1, 9), bid(3, 2, 1), bid(5, 2, 0)}, 0, []int{3, 5, 4}},
		{"who is named goes first", []memberNode{bid(2, 1, 1), bid(3, 1, 1), bid(5, 0, 0)}, 5, []int{5, 2, 3}},
		{"who is named is unfit", []memberNode{bid(2, 1, 1), unfit}, 6, []int{2}},
		{"who is named is gone", []memberNode{bid(2, 1, 1), bid(3, 1, 1)}, 7, []int{2, 3}},
	} {
		before := slices.Clone(test.bids)
		if got := rank(test.bids, 2, test.named); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		if !slices.Equal(before, test.bids) {
			t.Errorf("%s: the bids were changed", test.name)
		}
	}
}
