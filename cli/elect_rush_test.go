package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var electRounds = flag.Int("elect.rounds", 2, "how often the tests break the tree in which more than the root is lost")

// TestNextRootIsKilledToo kills up to three nodes one after another, each as soon as it
// is seen to be the root, or the candidate: while it gathers, begins its epoch, or has
// just told the others.
func TestNextRootIsKilledToo(t *testing.T) {
	rng := drawn()
	tree := newElectedTree(t, 3, 1, seldomPushes)
	tree.plant()
	l := tree.load(rng)
	defer l.finish()
	var found gaps
	for i := range *electRounds {
		l.awaitMore("writes ordered", 100)
		var dead []int
		var when time.Duration
		deaths := 1 + (i+1)%3
		for nth := range deaths {
			k := tree.awaitRole("root", []string{"root", "candidate"}[min(nth, rng.IntN(2))])
			<-time.After(time.Duration(rng.IntN(30)) * time.Millisecond)
			tree.kill(k)
			when = l.history.now()
			if rng.IntN(3) == 0 {
				tree.start(k)
			} else {
				dead = append(dead, k)
			}
		}
		found.await(l, fmt.Sprint(deaths, " roots and candidates were killed"), when)
		tree.startAll(dead)
	}
	tree.wantAllBack(l)
	found.report(t, *electSession)
}

// awaitRole waits until a living node says that it has one of these roles.
func (b *brokenTree) awaitRole(roles ...string) (k int) {
	b.t.Helper()
	await(b.t, fmt.Sprint("a node is ", roles), func() error {
		for _, k = range b.living() {
			if status, err := b.client(k).Status(b.t.Context()); err == nil && slices.Contains(roles, status.Role) {
				return nil
			}
		}
		return errors.New("none is")
	})
	return k
}

// TestRootIsLostWhileLinksAreCut cuts one or two nodes off, loses the root meanwhile,
// and heals all: what a majority does without them counts, and what they took is not
// lost. Where the root is cut off too, it serves nobody, and nobody replaces it.
func TestRootIsLostWhileLinksAreCut(t *testing.T) {
	rng := drawn()
	tree := newElectedTree(t, 3, 1, seldomPushes)
	tree.plant()
	l := tree.load(rng)
	defer l.finish()
	var found gaps
	for i := range *electRounds {
		l.awaitMore("writes ordered", 100)
		root, epoch := tree.awaitLeader(0)
		heal := tree.cutSome(rng, root)
		<-time.After(time.Duration(rng.Int64N(int64(*electSession))))
		var mend func()
		switch i % 3 {
		case 0:
			tree.kill(root)
			mend = func() { tree.start(root) }
		case 1:
			tree.pause(root)
			mend = func() { tree.resume(root) }
		case 2:
			mend = tree.links.cut(silent, around([]int{root}))
		}
		if when := l.history.now(); i%3 < 2 {
			_, began := tree.awaitLeader(epoch)
			l.history.heard(began)
			found.await(l, fmt.Sprintf("NODE-%d, root of epoch %d, was lost and links cut", root, epoch), when)
		} else {
			<-time.After(*electSession)
		}
		heal()
		mend()
	}
	tree.wantAllBack(l)
	found.report(t, *electSession)
}

// cutSome cuts one or two nodes off from all others, and perhaps keeps the root from
// hearing another.
func (b *brokenTree) cutSome(rng *rand.Rand, root int) (heal func()) {
	others := b.others(root)
	rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	cut := 1 + rng.IntN(2)
	all := []func(){b.links.cut(cutting(rng.IntN(2)), around(others[:cut]))}
	if rng.IntN(2) == 0 {
		all = append(all, b.links.cut(silent, oneWay(others[cut], root)))
	}
	return func() {
		for _, heal := range all {
			heal()
		}
	}
}
