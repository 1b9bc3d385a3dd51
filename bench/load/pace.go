package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Pace is clients that together write at a steady rate. One whose answer is late
// sends what it owes at once, and one after the other.
type Pace struct {
	conns   []*Connection
	over    chan struct{}
	running sync.WaitGroup
	errs    []error
	written atomic.Int64
	began   time.Time
}

// StartPace has clients write perSecond times a second in all until Stop. The end
// of ctx closes their connections.
func StartPace(ctx context.Context, target Target, clients int, perSecond float64, s Script) (*Pace, error) {
	p := &Pace{over: make(chan struct{}), errs: make([]error, clients), began: time.Now()}
	for i := range clients {
		conn, err := Dial(ctx, target.Protocol, target.Address, i)
		if err == nil {
			err = conn.Deadline(time.Now().Add(10 * time.Minute))
		}
		if err != nil {
			return nil, errors.Join(err, p.Stop())
		}
		p.conns = append(p.conns, conn)
		next := s(i)
		between := time.Duration(float64(clients) / perSecond * float64(time.Second))
		first := p.began.Add(between * time.Duration(i) / time.Duration(clients))
		p.running.Go(func() {
			defer context.AfterFunc(ctx, conn.Close)()
			p.errs[i] = p.write(conn, next, first, between)
		})
	}
	return p, nil
}

// write is one client.
func (p *Pace) write(conn *Connection, next func() []byte, due time.Time, between time.Duration) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-p.over:
			return nil
		case <-timer.C:
		}
		if _, err := conn.Exchange(next()); err != nil {
			return fmt.Errorf("a steady writer: %w", err)
		}
		p.written.Add(1)
		due = due.Add(between)
		timer.Reset(time.Until(due))
	}
}

// Rate is how many writes a second were answered so far.
func (p *Pace) Rate() float64 { return float64(p.written.Load()) / time.Since(p.began).Seconds() }

// Stop ends the writers, waits for them, and returns what went wrong.
func (p *Pace) Stop() error {
	close(p.over)
	p.running.Wait()
	for _, conn := range p.conns {
		conn.Close()
	}
	return errors.Join(p.errs...)
}
