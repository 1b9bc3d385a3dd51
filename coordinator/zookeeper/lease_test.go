package zookeeper

import (
	"testing"
	"time"
)

func TestALeaseEndsBeforeTheSessionCan(t *testing.T) {
	const T = 8 * time.Second
	zero := time.Now()
	at := func(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }
	for _, test := range []struct {
		name  string
		signs []float64 // when something was sent; the first opens the connection
		began float64   // of the heartbeat
		want  float64   // 0: none
	}{
		{"the connection is new", []float64{10, 10.1}, 10.1, 14.1},
		{"heartbeats come regularly", []float64{1, 7, 8, 9, 10}, 10, 14},
		{"no sign between 4 and 10", []float64{1, 2, 3, 4, 10}, 10, 11},
		{"a process that stood still for as long as the session", []float64{1, 2, 10.5}, 10.5, 9},
		{"the heartbeat went by another connection", []float64{10.2}, 10, 0},
	} {
		l := &link{}
		for _, s := range test.signs {
			l.sign(at(s), T)
		}
		want := at(test.want)
		if test.want == 0 {
			want = time.Time{}
		}
		if got := leaseUntil(at(test.began), l.heard(at(test.began), T), T); !got.Equal(want) {
			t.Errorf("%s: until %v, want %v", test.name, got.Sub(zero).Seconds(), test.want)
		}
	}
}

func TestOnlyTheLatestSignsAreKept(t *testing.T) {
	const T = 8 * time.Second
	l := &link{}
	now := time.Now()
	for range 10000 {
		now = now.Add(10 * time.Millisecond)
		l.sign(now, T)
	}
	if len(l.signs) > maxSigns {
		t.Fatalf("%d signs kept", len(l.signs))
	}
	if heard := l.heard(now, T); now.Sub(heard) > T*3/8 {
		t.Fatalf("the last that is known was sent %v before", now.Sub(heard))
	}
}
