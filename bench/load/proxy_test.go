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

func TestPaceKeepsItsRate(t *testing.T) {
	answers := make([]string, 2000)
	for i := range answers {
		answers[i] = "+OK\r\n"
	}
	target := load.Target{Address: serve(t, "", answers...), Protocol: load.Redis}
	p, err := load.StartPace(context.Background(), target, 1, 200, load.RedisServer.Writes())
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(500 * time.Millisecond)
	rate := p.Rate()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if rate < 20 || rate > 260 { // a busy machine may be late, and never early
		t.Errorf("%.0f writes a second, and 200 were asked for", rate)
	}
}
