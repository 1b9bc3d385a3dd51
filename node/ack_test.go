package node

import (
	"encoding/json"
	"strings"
	"testing"

	"xylem/sync/replica"
	"xylem/sync/version"
)

func TestAnAckIsWhatJSONMakesOfIt(t *testing.T) {
	for _, d := range []ackDocument{
		{},
		{Outcome: replica.Continue, Version: version.Version{Epoch: 3, Seq: 1042}},
		{Outcome: replica.Applied, TreeID: version.TreeID{1}.String(), Version: version.Version{Epoch: 1, Seq: 2}, Digest: digestEqual},
		{Outcome: replica.Current, TreeID: strings.Repeat("f", 32), Version: version.Version{Epoch: 1<<64 - 1, Seq: 1<<64 - 1}, Digest: digestDiffers},
	} {
		text := string(d.append(nil))
		want, err := json.Marshal(d)
		if err != nil || text != string(want) {
			t.Errorf("%s is not %s: %v", text, want, err)
		}
		if len(text) > maxAckBytes {
			t.Errorf("%s has %d bytes", text, len(text))
		}
		var read ackDocument
		if !read.parse([]byte(text)) || read != d {
			t.Errorf("%s reads as %+v", text, read)
		}
	}
}

func TestARefusedPushIsReadAsAnyDocument(t *testing.T) {
	var d ackDocument
	err := json.Unmarshal([]byte(`{"detail":"the push does not begin at or before this node's version","outcome":"gap","status":409,"tree_id":"01","version":"1.7"}`), &d)
	if err != nil || d.Outcome != replica.Gap || d.TreeID != "01" || d.Version != (version.Version{Epoch: 1, Seq: 7}) {
		t.Fatalf("%+v, %v", d, err)
	}
	if json.Unmarshal([]byte(`{"outcome":"gap","version":"seven"}`), &d) == nil {
		t.Fatal("a version that is none was read")
	}
}

// FuzzAck holds what is read without encoding/json against what that reads.
func FuzzAck(f *testing.F) {
	d := ackDocument{Outcome: replica.Applied, TreeID: version.TreeID{1}.String(), Version: version.Version{Epoch: 1, Seq: 2}, Digest: digestEqual}
	good := string(d.append(nil))
	f.Add(good)
	f.Add(strings.Replace(good, `"version"`, `"x":"y","version"`, 1))
	f.Add(strings.Replace(good, `match`, `\u0041`, 1))
	f.Add(strings.Replace(good, `applied`, `","tree_id":"`, 1))
	f.Add(strings.Replace(good, `match`, "\xff", 1))
	f.Fuzz(func(t *testing.T, text string) {
		type plain ackDocument
		var want plain
		err := json.Unmarshal([]byte(text), &want)
		var got ackDocument
		if got.parse([]byte(text)) && json.Valid([]byte(text)) && (err != nil || got != ackDocument(want)) {
			t.Fatalf("%q reads as %+v, and by encoding/json as %+v: %v", text, got, want, err)
		}
	})
}
