package replica

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

var update = flag.Bool("update", false, "write the golden files anew instead of comparing with them")

// wallClock is what every node's wall clock shows when its run begins, in
// milliseconds since 1970.
const wallClock = 1_000_000_000

// script drives one Replica by hand, with a clock that only after moves, and
// writes down what goes in and what comes out.
type script struct {
	*testing.T
	core    *Replica
	cfg     Config
	now     Now
	journal [][]byte        // what a restart finds
	asked   []Effect        // Persist and Checkpoint that were not answered
	under   map[uint32]Push // the last push to each member
	refs    Ref
	trace   string
	asks    uint32 // whom the last Fetch asked
}

// rootScript is a root that was not started, with an empty disk.
func rootScript(t *testing.T) *script {
	return &script{
		T: t, now: Now{Unix: wallClock}, under: make(map[uint32]Push),
		cfg: Config{
			Node: 1, Root: 1, Store: store.New(), NewTree: version.TreeID{0xaa}, Eager: true,
			Grace: 500 * time.Millisecond, WaitBytes: 1 << 20, BatchBytes: 1 << 10, RetryMin: 100 * time.Millisecond, RetryMax: time.Second,
			Timeout: time.Second, QueueBytes: 1 << 20,
		},
	}
}

// openRoot is a root that was started, waited for its members in vain, and then
// ordered the writes. Nothing of it is in the trace.
func openRoot(t *testing.T, writes ...string) *script {
	s := rootScript(t)
	s.open()
	for _, w := range writes {
		s.write(w)
	}
	s.trace = ""
	return s
}

// open starts an empty root and has it open at the end of its grace period.
func (s *script) open() {
	s.step(Started{})
	s.after(s.cfg.Grace)
	s.step(Wake{})
	s.persisted()
}

// memberScript is NODE-2, started without data.
func memberScript(t *testing.T) *script {
	s := rootScript(t)
	s.cfg.Node = 2
	s.step(Started{})
	s.trace = ""
	return s
}

func (s *script) after(d time.Duration) {
	s.now.Mono += d
	s.now.Unix += d.Milliseconds()
}

// note explains the story to who reads the golden file.
func (s *script) note(format string, args ...any) {
	if s.trace != "" {
		s.trace += "\n"
	}
	s.print("# "+format+"\n", args...)
}

func (s *script) print(format string, args ...any) { s.trace += fmt.Sprintf(format, args...) }

// step hands the core an input and writes both down.
func (s *script) step(in Input) []Effect {
	if s.core == nil {
		s.core = New(s.cfg)
	}
	s.print("[%.3f] %s\n", s.now.Mono.Seconds(), inputText(in))
	before, wasSet := s.core.NextWake()
	effects := slices.Clone(s.core.Step(s.now, in))
	for _, e := range effects {
		s.print("        -> %s\n", effectText(e))
		switch e := e.(type) {
		case Persist, Checkpoint:
			s.asked = append(s.asked, e)
		case Push:
			s.under[e.Node] = e
		case Compact:
			s.rewrite(e.State, &e.Local)
		case Fetch:
			s.asks = e.Node
		}
	}
	if at, set := s.core.NextWake(); set && (!wasSet || at != before) {
		s.print("        -> wake at %.3f\n", at.Seconds())
	}
	return effects
}

// persisted has the journal take the oldest request.
func (s *script) persisted() []Effect {
	s.Helper()
	if len(s.asked) == 0 {
		s.Fatalf("nothing was to be persisted:\n%s", s.trace)
	}
	switch e := s.asked[0].(type) {
	case Persist:
		s.journal = append(s.journal, e.Record)
	case Checkpoint:
		s.rewrite(e.State, &e.Local)
	}
	s.asked = s.asked[1:]
	return s.step(Persisted{})
}

// rewrite has the journal hold a state in place of all that it took.
func (s *script) rewrite(state *store.Cut, local *store.Local) {
	s.journal = nil
	_ = store.WriteState(state, local, store.Identity{Node: s.cfg.Node}, nil, func(record []byte) error {
		s.journal = append(s.journal, slices.Clone(record))
		return nil
	})
}

// fails has the oldest request to the journal fail.
func (s *script) fails(how Failure) []Effect {
	s.asked = s.asked[1:]
	return s.step(Persisted{Failure: how})
}

// restart begins another run of the node on what its journal took, an hour
// later.
func (s *script) restart() {
	s.Helper()
	recovered := s.recovered()
	s.cfg.Store, s.cfg.Local, s.core, s.asked = recovered.Store, recovered.Local, nil, nil
	s.now = Now{Unix: s.now.Unix + time.Hour.Milliseconds()}
	s.step(Started{})
}

// recovered is what a restart finds.
func (s *script) recovered() *store.Recovery {
	s.Helper()
	recovery := store.NewRecovery()
	for _, record := range s.journal {
		if err := recovery.Visit(record); err != nil {
			s.Fatal(err)
		}
	}
	if err := recovery.Finish(); err != nil {
		s.Fatal(err)
	}
	return recovery
}

// submit hands in one group of writes, as parseWrite reads them.
func (s *script) submit(writes ...string) []Effect {
	s.refs++
	in := &Submit{Ref: s.refs, Epoch: s.cfg.Store.Meta().Epoch}
	for _, text := range writes {
		in.Writes = append(in.Writes, parseWrite(s.T, text))
	}
	return s.step(in)
}

// client hands in a write of a client of this node.
func (s *script) client(write string) []Effect {
	s.refs++
	return s.step(&Submit{Ref: s.refs, Writes: []wire.Write{parseWrite(s.T, write)}, Client: true})
}

// write has the root order one group and persist it.
func (s *script) write(writes ...string) {
	s.submit(writes...)
	s.persisted()
}

// members lists whom to push to, by node and instance: "2a" is NODE-2's first.
func (s *script) members(names ...string) {
	var in Members
	for _, name := range names {
		in.Members = append(in.Members, Member{Node: uint32(name[0] - '0'), Instance: name[1:]})
	}
	s.step(in)
}

// confirm ends the last push to a member.
func (s *script) confirm(node uint32, outcome AckOutcome, at string) []Effect {
	return s.step(s.confirmed(node, outcome, at))
}

func (s *script) confirmed(node uint32, outcome AckOutcome, at string) Confirmed {
	ack := Ack{Outcome: outcome, Version: parseVersion(s.T, at)}
	return Confirmed{Node: node, Number: s.under[node].Header.Number, Ack: ack, Bytes: 100}
}

// follows lists NODE-2 alone and has it answer its probe, and a snapshot if it
// takes one, until nothing is under way.
func (s *script) follows() {
	s.members("2a")
	s.confirm(2, Current, s.core.store.Applied().String())
	s.trace = ""
}

// push hands a member the last piece of a push, in the name of the root.
func (s *script) push(in *Piece) []Effect {
	s.refs++
	in.Ref = s.refs
	if in.Header.Root == 0 {
		in.Header.Root = in.Sender
	}
	return s.step(in)
}

// golden compares the trace with the file of that name.
func (s *script) golden(name string) {
	s.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := s.trace
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			s.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	if got != string(want) {
		s.Errorf("%s tells another story (go test ./sync/replica -update writes it anew):\n%s", path, difference(got, string(want)))
	}
}

// difference is the first line in which two texts differ, with what is around.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-3)
			return fmt.Sprintf("line %d\n%s\n got: %s\nwant: %s", i+1, strings.Join(a[from:i], "\n"), a[i], b[i])
		}
	}
	return fmt.Sprintf("it has %d lines, and had %d", len(a), len(b))
}

func parseVersion(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// parseWrite reads "key=value", or "-key" for a delete, and behind it what else
// there is to a write: "by 7-3" is its id, "at 500" its stamp in milliseconds
// after the start, "if absent", "if exists" and "if 1.3" its condition, "was 1.3" its first version,
// "on 400" its footing, like a stamp.
func parseWrite(t *testing.T, text string) wire.Write {
	t.Helper()
	words := strings.Fields(text)
	var w wire.Write
	if key, deletes := strings.CutPrefix(words[0], "-"); deletes {
		w.Key = key
	} else {
		w.Key, w.Value, _ = strings.Cut(words[0], "=")
	}
	at := func(text string) version.Stamp {
		var millis int64
		if _, err := fmt.Sscan(text, &millis); err != nil {
			t.Fatal(err)
		}
		return version.StampAt(wallClock + millis)
	}
	for i := 1; i+1 < len(words); i += 2 {
		switch words[i] {
		case "by":
			if _, err := fmt.Sscanf(words[i+1], "%d-%d", &w.ID.Node, &w.ID.Counter); err != nil {
				t.Fatal(err)
			}
		case "at":
			w.Stamp, w.Kept = at(words[i+1]), true
		case "if":
			w.If = parseCondition(t, words[i+1])
		case "was":
			w.First = parseVersion(t, words[i+1])
		case "on":
			w.Footing = at(words[i+1])
		default:
			t.Fatalf("%q: what is %q?", text, words[i])
		}
	}
	return w
}

func parseCondition(t *testing.T, text string) store.Condition {
	switch text {
	case "absent":
		return store.Condition{Kind: store.Absent}
	case "exists":
		return store.Condition{Kind: store.Exists}
	}
	return store.Condition{Kind: store.Matches, Version: parseVersion(t, text)}
}
