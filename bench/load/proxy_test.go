package load_test

import (
	"context"
	"testing"
	"time"

	"xylem/bench/load"
)

func TestProxyCutsAndHeals(t *testing.T) {
	p, err := load.NewProxy(serve(t, "", "$5\r\nhello\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn, err := load.Dial(context.Background(), load.Redis, p.Address, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check(t, conn, "hello", nil)
	if got := p.Passed.Load(); got != int64(len("question\r\n")) {
		t.Errorf("it counted %d bytes", got)
	}
	address := p.Address
	p.Cut()
	if _, err := conn.Exchange([]byte("question\r\n")); err == nil {
		t.Error("an answer came through a proxy that is cut")
	}
	if late, err := load.Dial(context.Background(), load.Redis, address, 0); err == nil {
		late.Close()
		t.Error("a proxy that is cut takes connections")
	}
	if err := p.Heal(); err != nil {
		t.Fatal(err)
	}
	if p.Address != address {
		t.Errorf("it healed at %s, and was at %s", p.Address, address)
	}
}

// TestPaceIsNeverEarly has a client write a while, however busy the machine is.
func TestPaceIsNeverEarly(t *testing.T) {
	const perSecond, writes = 500.0, 100
	answers := make([]string, writes)
	for i := range answers {
		answers[i] = "+OK\r\n"
	}
	target := load.Target{Address: serve(t, "", answers...), Protocol: load.Redis}
	began := time.Now()
	took := make(chan time.Duration, 1)
	sent := 0
	p, err := load.StartPace(context.Background(), target, 1, perSecond, func(int) func() []byte {
		return func() []byte {
			if sent++; sent == writes {
				took <- time.Since(began)
			}
			return []byte("question\r\n")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := (<-took).Seconds(); took < (writes-2)/perSecond {
		t.Errorf("%d writes took %.3f s: that is more than %.0f a second", writes, took, perSecond)
	}
	_ = p.Stop() // the server may have ended the connection by now
}
