package node

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"xylem/sync/replica"
	"xylem/sync/version"
)

// ErrSchedule is wrapped when sync.schedule or sync.verify is no cron expression.
var ErrSchedule = errors.New("not a schedule: want a cron expression of 5 or 6 fields, or @every with a duration of at least 1ms, as in @every 5s")

// schedules runs what happens by the clock.
type schedules struct {
	cron            *cron.Cron
	push, verify    cron.Schedule
	pushID          cron.EntryID
	everyExpiration time.Duration
}

func (n *Node) openSchedules() error {
	cfg := n.opts.Config
	push, err := parseSchedule(cfg.Sync.Schedule)
	if err != nil {
		return fmt.Errorf("sync.schedule: %w", err)
	}
	verify, err := parseSchedule(cfg.Sync.Verify)
	if err != nil {
		return fmt.Errorf("sync.verify: %w", err)
	}
	n.schedules = &schedules{
		cron: cron.New(cron.WithChain(cron.Recover(cronLog{n.log}))), push: push, verify: verify,
		everyExpiration: min(max(cfg.Store.TombstoneRetention/10, 100*time.Millisecond), time.Minute),
	}
	return nil
}

// start begins the schedules. No job takes long: each posts to the loop, but for
// the verification, which is skipped while the last one runs.
func (s *schedules) start(n *Node) {
	s.pushID = s.cron.Schedule(s.push, cron.FuncJob(func() { n.loop.post(replica.Tick{}) }))
	verify := cron.NewChain(cron.SkipIfStillRunning(cron.DiscardLogger), cron.Recover(cronLog{n.log}))
	s.cron.Schedule(s.verify, verify.Then(cron.FuncJob(n.verifyDigest)))
	s.cron.Schedule(every(s.everyExpiration), cron.FuncJob(func() {
		var now int64
		if n.loop.query(func(core *replica.Replica) { now = core.RootMillis() }) {
			n.loop.post(replica.Expire{Before: version.StampAt(now - n.opts.Config.Store.TombstoneRetention.Milliseconds())})
		}
	}))
	s.cron.Start()
}

// stop waits for the jobs that run.
func (s *schedules) stop() { <-s.cron.Stop().Done() }

// nextPush is when the schedule pushes next.
func (s *schedules) nextPush() time.Time { return s.cron.Entry(s.pushID).Next }

func (n *Node) verifyDigest() {
	if !n.store.Verify() {
		n.mismatches.Add(1)
		n.log.Error("the digest kept differed from what is stored, and was mended; a node that differs from the root gets a snapshot with the next push")
	}
}

// parseSchedule reads a cron expression. The library's parser panics at some
// expressions, turns an @every below a second into one second, and takes others
// that never fire: all three are refused or mended here. The error wraps
// ErrSchedule.
func parseSchedule(expression string) (schedule cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			schedule, err = nil, fmt.Errorf("%q: %w", expression, ErrSchedule)
		}
	}()
	if text, found := strings.CutPrefix(expression, "@every "); found {
		period, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil || period < time.Millisecond {
			return nil, fmt.Errorf("%q: %w", expression, ErrSchedule)
		}
		return every(period), nil
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	schedule, err = parser.Parse(expression)
	if err != nil {
		return nil, fmt.Errorf("%q (%w): %w", expression, err, ErrSchedule)
	}
	if schedule.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("%q never comes: %w", expression, ErrSchedule)
	}
	return schedule, nil
}

// every is a schedule of a fixed period, below a second too.
type every time.Duration

// Next implements cron.Schedule.
func (e every) Next(after time.Time) time.Time { return after.Add(time.Duration(e)) }

// cronLog has the schedules log as the node does.
type cronLog struct{ *slog.Logger }

// Error implements cron.Logger.
func (l cronLog) Error(err error, msg string, keysAndValues ...any) {
	l.Logger.Error(msg, append(keysAndValues, "err", err)...)
}
