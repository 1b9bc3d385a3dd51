package wire

import (
	"errors"
	"reflect"
	"testing"

	"xylem/sync/version"
)

// exampleRoll is a short roll of NODE-2, below which NODE-9 lags, and its answer.
func exampleRoll() (Roll, RollReply) {
	at := version.Version{Epoch: 3, Seq: 18}
	return Roll{
		Tree: version.TreeID{0xaa, 0xbb}, Epoch: 3, Address: "http://NODE-2:5000", Set: 0x0102030405060708, Floor: at, Heard: 1_753_700_400_123,
		Nodes: []Standing{
			{Node: 2, Process: 0x1112131415161718, Version: at, Heard: 1_753_700_400_125},
			{Node: 9, Process: 0x2122232425262728, Version: version.Version{Epoch: 2, Seq: 15}, Differs: true, Heard: 1_753_700_400_000},
		},
	}, RollReply{Verdict: RollTaken, Linked: true, Version: at, Epoch: 3, Millis: 1_753_700_400_125}
}

func TestRollsReadBackAsTheyWere(t *testing.T) {
	roll, reply := exampleRoll()
	for _, whole := range []bool{false, true} {
		roll.Whole = whole
		if got, err := DecodeRoll(AppendRoll(nil, &roll)); err != nil || !reflect.DeepEqual(got, roll) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, verdict := range []RollVerdict{RollTaken, SendWhole, JoinFirst, AskAbove} {
		reply.Verdict = verdict
		if got, err := DecodeRollReply(AppendRollReply(nil, &reply)); err != nil || got != reply {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestWhatIsNoRollIsRefused(t *testing.T) {
	roll, reply := exampleRoll()
	good, answer := AppendRoll(nil, &roll), AppendRollReply(nil, &reply)
	for n := range good {
		if _, err := DecodeRoll(good[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	for n := range answer {
		if _, err := DecodeRollReply(answer[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes of an answer: %v", n, len(answer), err)
		}
	}
	roll.Nodes = nil
	for _, bad := range [][]byte{append(good, 0), AppendRoll(nil, &roll)} {
		if _, err := DecodeRoll(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if _, err := DecodeRollReply(append(answer, 0)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func FuzzDecodeRoll(f *testing.F) {
	roll, reply := exampleRoll()
	f.Add(AppendRoll(nil, &roll))
	f.Add(AppendRollReply(nil, &reply))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = sparing(t, len(b), func() error { _, err := DecodeRollReply(b); return err })
		var roll Roll
		if sparing(t, len(b), func() (err error) { roll, err = DecodeRoll(b); return err }) != nil {
			return
		}
		again, err := DecodeRoll(AppendRoll(nil, &roll))
		if err != nil || !reflect.DeepEqual(again, roll) {
			t.Fatalf("%+v encoded anew reads as %+v: %v", roll, again, err)
		}
	})
}
