package node

import (
	"errors"
	"testing"
	"time"

	"xylem/configs"
)

func TestASchedule(t *testing.T) {
	from := time.Date(2026, time.November, 21, 10, 30, 15, 0, time.UTC)
	for _, test := range []struct {
		expression string
		next       time.Duration // from then; 0 where it is refused
	}{
		{"@every 5s", 5 * time.Second},
		{"@every 500ms", 500 * time.Millisecond},
		{"@every 1ms", time.Millisecond},
		{"@every 1h30m", 90 * time.Minute},
		{"@every  5s", 5 * time.Second},
		{"* * * * *", 45 * time.Second},
		{"*/20 * * * * *", 5 * time.Second},
		{"0 0 12 * * *", 89*time.Minute + 45*time.Second},
		{"0 12 * * *", 89*time.Minute + 45*time.Second},
		{"@hourly", 29*time.Minute + 45*time.Second},
		{"CRON_TZ=UTC 0 12 * * *", 89*time.Minute + 45*time.Second},
		{"TZ=UTC 0 12 * * *", 89*time.Minute + 45*time.Second},

		{"", 0},
		{" ", 0},
		{"5s", 0},
		{"@every", 0},
		{"@every ", 0},
		{"@every 5", 0},
		{"@every 0s", 0},
		{"@every -5s", 0},
		{"@every 999us", 0},
		{"@every 5s 5s", 0},
		{"@sometimes", 0},
		{"* * * *", 0},
		{"* * * * * * *", 0},
		{"60 * * * *", 0},
		{"a b c d e", 0},
		{"*/0 * * * *", 0},
		{"TZ=UTC", 0},
		{"CRON_TZ=UTC", 0},
		{"TZ=Nowhere/AtAll 0 12 * * *", 0},
		{"0 0 30 2 *", 0},
		{"0 0 0 30 2 *", 0},
	} {
		schedule, err := parseSchedule(test.expression)
		switch {
		case test.next == 0 && !errors.Is(err, ErrSchedule):
			t.Errorf("%q is taken as %v, %v", test.expression, schedule, err)
		case test.next != 0 && err != nil:
			t.Errorf("%q is refused: %v", test.expression, err)
		case test.next != 0 && schedule.Next(from).Sub(from) != test.next:
			t.Errorf("%q comes after %v, want %v", test.expression, schedule.Next(from).Sub(from), test.next)
		}
	}
}

func TestANodeWithABadScheduleDoesNotStart(t *testing.T) {
	for _, spoil := range []option{schedule("0 0 30 2 *"), func(c *configs.Config) { c.Sync.Verify = "TZ=UTC" }} {
		tr := newTree(t, 1, spoil)
		_, err := New(Options{ID: 1, Config: tr.cfg, DataDir: t.TempDir(), Secret: tr.secret})
		if !errors.Is(err, ErrSchedule) {
			t.Errorf("it starts: %v", err)
		}
	}
}
