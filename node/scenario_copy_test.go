package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"xylem/client"
	"xylem/coordinator"
)

// copyData copies the directory of a node that does not run.
func (tr *tree) copyData(k int) (dir string) {
	tr.t.Helper()
	dir = tr.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(tr.nodes[k-1].dir)); err != nil {
		tr.t.Fatal(err)
	}
	return dir
}

// copyOf stops a node, copies its directory, and starts it again.
func (tr *tree) copyOf(k int) (dir string) {
	tr.t.Helper()
	tr.stop(k)
	dir = tr.copyData(k)
	tr.start(k)
	tr.awaitReady(k)
	return dir
}

// awaitOrdering waits until the root takes writes.
func (tr *tree) awaitOrdering() {
	tr.t.Helper()
	tr.await("the root orders", func() error {
		if state := tr.status(1).State; state != "ordering" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
}

// Its counter of writes is older, too: what it gives a number now must not pass
// for what had that number before.
func TestAMemberSetBackToAnOlderCopyWritesAnew(t *testing.T) {
	tr := startTree(t, 2)
	older := tr.copyOf(2)
	tr.awaitEqual()
	first := tr.put(2, "k", "first").Version

	tr.stop(2)
	tr.nodes[1].dir = older
	tr.start(2)
	tr.awaitReady(2)
	tr.awaitEqual()
	if second := tr.put(2, "k", "second").Version; !first.Before(second) {
		t.Errorf("the second write is %v, and the first was %v", second, first)
	}
	tr.awaitEqual()
	tr.want("k", "second", tr.all()...)
	tr.wantOneState()
}

func TestARootSetBackToAnOlderCopyTakesOverWhatItsMembersHave(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(3, "older", "both")
	tr.awaitEqual()
	older := tr.copyOf(1)
	tr.awaitEqual()
	tr.fill("more", 5)
	last := tr.put(2, "later", "members").Version
	tr.awaitEqual()
	before := tr.status(1)
	if before.Version != last {
		t.Fatalf("the tree is at %v, want %v", before.Version, last)
	}

	tr.stop(1)
	tr.nodes[0].dir = older
	tr.start(1)
	tr.awaitEqual()
	tr.wantTakenOver(before, last)
	tr.want("older", "both", tr.all()...)
	tr.want("later", "members", tr.all()...)

	tr.wantToGoOn(last, 3, "later", "anew")
}

// The root's own writes may be fewer or more than those that it lost: its version
// alone does not tell.
func TestARootSetBackToAnOlderCopyThatOrderedSinceKeepsItsOwn(t *testing.T) {
	for name, own := range map[string]int{"fewer": 1, "as many": 3, "more": 5} {
		t.Run(name, func(t *testing.T) {
			tr := startTree(t, 2)
			tr.put(3, "k", "both")
			tr.awaitEqual()
			older := tr.copyOf(1)
			tr.awaitEqual()
			for range 3 {
				tr.put(1, "k", "members")
			}
			tr.awaitEqual()
			members := tr.status(2)
			for _, k := range []int{2, 3, 1} {
				tr.stop(k)
			}
			tr.nodes[0].dir = older
			tr.start(1)
			tr.awaitOrdering()
			for range own {
				tr.put(1, "k", "root")
			}
			roots := tr.status(1)

			tr.start(2)
			tr.await("the member says so", func() error { return tr.nodes[1].log.says("holds writes that the root does not have") })
			tr.await("the root says so", func() error { return tr.nodes[0].log.says("refused", "never ordered", coordinator.Name(2)) })
			tr.wantBeyond(2)
			tr.want("k", "members", 2)
			tr.want("k", "root", 1)
			for k, was := range map[int]statusDocument{1: roots, 2: members} {
				if now := tr.status(k); now.Version != was.Version || now.Digest != was.Digest || now.TreeID != was.TreeID {
					t.Errorf("%s was at %v, digest %v, and is at %v, %v", coordinator.Name(k), was.Version, was.Digest, now.Version, now.Digest)
				}
			}
		})
	}
}

// wantBeyond asks the root as a member does, and wants to be told that the member
// holds what the root does not have.
func (tr *tree) wantBeyond(k int) {
	tr.t.Helper()
	n := tr.nodes[k-1].node
	meta, applied := n.store.Meta(), n.store.Applied()
	body, err := json.Marshal(joinDocument{
		Fanout: *fanout,
		Member: n.self, TreeID: meta.Tree.String(), Epoch: meta.Epoch, Version: applied, Run: meta.RunOf(applied.Epoch),
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	who := stranger(tr.t, tr, coordinator.Name(k))
	resp, said := ask(tr.t, question{to: tr.nodes[0], target: pathJoin}.post(who).saying(string(body)))
	if resp.StatusCode != http.StatusConflict || slugOf(said) != "beyond-root" {
		tr.t.Errorf("the root answers %d %s, want 409 beyond-root", resp.StatusCode, said)
	}
}

func TestAnAbandonedWriteIsForgottenWhereItWasWritten(t *testing.T) {
	tr := startTree(t, 2, eager(false), schedule("@every 1h"))
	tr.put(3, "pushed", "kept")
	tr.tick()
	tr.awaitEqual()
	before := tr.status(1)
	lost := tr.put(2, "k", "abandoned").Version
	tr.want("k", "abandoned", 2)
	if at := tr.status(2).Version; at != before.Version {
		t.Fatalf("NODE-2 is at %v: %v was pushed", at, lost)
	}

	tr.stop(1)
	tr.empty(1)
	tr.start(1)
	tr.await("NODE-2 has forgotten it", func() error {
		answer, err := tr.client(2).Get(t.Context(), "k")
		if errors.Is(err, client.ErrNotFound) {
			return nil
		}
		return fmt.Errorf("it answers %+v, %w", answer, err)
	})
	tr.awaitEqual()
	after := tr.status(1)
	if after.TreeID != before.TreeID || after.Version != before.Version || after.Epoch <= before.Epoch {
		t.Errorf("it was tree %s at %v in epoch %d, and is %s at %v in epoch %d",
			before.TreeID, before.Version, before.Epoch, after.TreeID, after.Version, after.Epoch)
	}
	tr.want("k", "", tr.all()...)
	tr.want("pushed", "kept", tr.all()...)
}

func TestAnAdoptingRootDoesNotSayThatItHasNothing(t *testing.T) {
	tr := newTree(t, 2, liveness(time.Minute)) // its grace is longer than the test
	tr.start(1)
	tr.await("it adopts", func() error {
		if state := tr.status(1).State; state != "adopting" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
	for _, path := range []string{"/store/x", "/store", "/store?prefix=x"} {
		resp, body := ask(t, asking(tr.nodes[0]).get(path))
		if resp.StatusCode != http.StatusServiceUnavailable || slugOf(body) != "no-state" {
			t.Errorf("GET %s answers %d %s, want 503 no-state", path, resp.StatusCode, body)
		}
	}
	if state := tr.status(1).State; state != "adopting" {
		t.Errorf("it is %s now: this test was too slow", state)
	}
}

func TestAMemberStartedAsTheRootIsNotRoot(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(1, "k", "v")
	tr.awaitEqual()
	tr.stop(2)
	p, cfg := tr.nodes[1], tr.cfg
	cfg.Tree.Root = 2
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{
		ID: 2, Config: cfg, Listener: listener, Advertise: "http://" + p.address, RootURL: "http://" + p.address,
		DataDir: p.dir, Secret: tr.secret, Logger: p.node.opts.Logger,
	})
	_ = listener.Close()
	if !errors.Is(err, ErrNotRoot) {
		t.Fatalf("New returns %v, want ErrNotRoot", err)
	}
	tr.start(2) // as what it is: nothing of it was changed
	tr.awaitReady(2)
	tr.want("k", "v", 2)
	tr.put(2, "k", "w")
	tr.awaitEqual()
	tr.want("k", "w", tr.all()...)
	tr.wantOneState()
}
