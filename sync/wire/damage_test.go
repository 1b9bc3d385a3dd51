package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"
)

// refused asserts that a damaged piece is not taken.
func refused(t *testing.T, piece []byte, what string, at int) {
	t.Helper()
	if _, _, _, err := DecodePiece(piece, maxBody); !errors.Is(err, ErrMalformed) {
		t.Errorf("%s %d of %d: %v", what, at, len(piece), err)
	}
}

func TestADamagedPieceIsRefused(t *testing.T) {
	h := header()
	for _, body := range []Body{
		{}, NewBody(blockOf(three()), 3), NewBody(blockOf(changed(20, 100, true)), 20),
	} {
		piece := AppendPiece(nil, &h, body)
		for bit := range 8 * len(piece) {
			damaged := slices.Clone(piece)
			damaged[bit/8] ^= 1 << (bit % 8)
			refused(t, damaged, "with a bit flipped", bit)
		}
		for n := range piece {
			refused(t, piece[:n], "cut short", n)
			damaged := slices.Delete(slices.Clone(piece), n, n+1)
			// Of a run of equal bytes it does not matter which one is missing;
			// what is left is too short in any case.
			refused(t, damaged, "without byte", n)
		}
	}
}

// sealed is a piece whose checksums are right and whose body claims what body
// says: what a member that is mistaken, not a link that is bad, would send.
func sealed(body Body) []byte {
	body.crc = crc32.Checksum(body.encoded, castagnoli)
	h := header()
	return AppendPiece(nil, &h, body)
}

func TestABodyThatIsNotWhatItClaimsIsRefused(t *testing.T) {
	block := bytes.Repeat([]byte("v"), 4096)
	packed := s2.Encode(nil, block)
	for name, body := range map[string]Body{
		"plain, shorter":          {compression: plain, rawBytes: len(block) + 1, encoded: block},
		"plain, longer":           {compression: plain, rawBytes: len(block) - 1, encoded: block},
		"compressed, shorter":     {compression: compressed, rawBytes: len(block) + 1, encoded: packed},
		"compressed, longer":      {compression: compressed, rawBytes: len(block) - 1, encoded: packed},
		"compressed rubbish":      {compression: compressed, rawBytes: 100, encoded: append([]byte{100}, block[:50]...)},
		"compressed nothing":      {compression: compressed},
		"unknown compression":     {compression: 2, rawBytes: len(block), encoded: block},
		"claiming the impossible": {compression: compressed, rawBytes: -1, encoded: packed},
	} {
		if _, _, _, err := DecodePiece(sealed(body), maxBody); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A few bytes that claim to be gigabytes cost nobody gigabytes.
func TestABombIsRefusedBeforeItGoesOff(t *testing.T) {
	zeros := make([]byte, 64<<20)
	bomb := s2.Encode(nil, zeros)
	claim := func(n uint64) []byte { return append(binary.AppendUvarint(nil, n), 0, 0) }
	for name, body := range map[string]Body{
		"honest about its size":     {compression: compressed, rawBytes: len(zeros), encoded: bomb},
		"lying about its size":      {compression: compressed, rawBytes: 100, encoded: bomb},
		"claiming four gigabytes":   {compression: compressed, rawBytes: 1<<32 - 1, encoded: claim(1<<32 - 1)},
		"claiming much, allowed":    {compression: compressed, rawBytes: 100, encoded: claim(1<<32 - 1)},
		"plain, and above the most": {compression: plain, rawBytes: maxBody + 1, encoded: make([]byte, maxBody+1)},
	} {
		piece := sealed(body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, block, _, err := DecodePiece(piece, maxBody)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMalformed) || block != nil {
			t.Errorf("%s: %d bytes, %v", name, len(block), err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<10 {
			t.Errorf("%s: %d bytes were allocated", name, took)
		}
	}
	largest := sealed(NewBody(zeros[:maxBody], 1))
	if _, block, _, err := DecodePiece(largest, maxBody); err != nil || len(block) != maxBody {
		t.Errorf("the largest that is allowed: %v", err)
	}
}
