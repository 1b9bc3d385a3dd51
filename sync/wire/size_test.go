package wire

import (
	"testing"

	"xylem/sync/version"
)

// The rule for what a push may cost: for 1,000 changed values of 100 bytes with
// keys of 16, at most 1.35 times the keys and values, and 140 bytes an entry.
func TestADeltaCostsLittleBeyondKeysAndValues(t *testing.T) {
	const n, keyBytes, valueBytes = 1000, 16, 100
	for name, repeat := range map[string]bool{"random": false, "alike": true} {
		s := committed(changed(n, valueBytes, repeat))
		cut := s.Cut(version.Version{Epoch: 2, Seq: 15})
		h := header()
		raw, sent, entries := 0, 0, 0
		for body := range Bodies(cut, MaxBodyBytes) {
			piece := AppendPiece(nil, &h, body)
			raw += len(piece) - body.Bytes() + body.rawBytes
			sent += len(piece)
			entries += body.Entries
		}
		times := float64(raw) / (n * (keyBytes + valueBytes))
		t.Logf("values that are %s: %d entries, %.1f bytes each, %.3f times keys and values; %.1f sent after compression",
			name, entries, float64(raw)/n, times, float64(sent)/n)
		if entries != n || times > 1.35 || raw > 140*n {
			t.Errorf("%d entries take %d bytes", entries, raw)
		}
	}
	h := header()
	h.Kind = Heartbeat
	t.Logf("a heartbeat: %d bytes", len(AppendPiece(nil, &h, Body{})))
}
