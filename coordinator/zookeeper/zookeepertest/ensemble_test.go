package zookeepertest

import (
	"testing"
	"time"
)

// TestAnEnsembleServesAndLosesOne shows what the harness can do to servers.
func TestAnEnsembleServesAndLosesOne(t *testing.T) {
	t.Parallel()
	e := Start(t, Options{Servers: 3})
	leader := e.Leader()
	if leader < 0 || len(e.Servers()) != 3 {
		t.Fatalf("leader %d of %v", leader, e.Servers())
	}
	e.Kill(leader)
	until(t, "two of three servers find a leader", func() bool { return e.Leader() >= 0 })
	if err := e.Restart(leader); err != nil {
		t.Fatal(err)
	}
	other := (e.Leader() + 1) % 3
	e.Pause(other)
	until(t, "a paused server answers nothing", func() bool {
		_, err := e.servers[other].mode()
		return err != nil
	})
	e.Resume(other)
	if err := e.servers[other].ready(); err != nil {
		t.Fatal(err)
	}
	e.Stop(other)
}

// until asks until something is so.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); !holds(); {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: " + what)
		}
	}
}
