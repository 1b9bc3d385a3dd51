package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"xylem/store"
)

// seal makes the front of a piece of the fields of a header: magic and length
// before it, its checksum behind.
func seal(fields []byte) []byte {
	fields = fields[:min(len(fields), 1<<16-1)]
	piece := binary.BigEndian.AppendUint16([]byte(pushMagic), uint16(len(fields)))
	piece = append(piece, fields...)
	return binary.BigEndian.AppendUint32(piece, crc32.Checksum(piece, castagnoli))
}

// golden reads a message from testdata: hexadecimal, with spaces and line
// breaks anywhere, and comments from # on.
func golden(t *testing.T, name string) (message []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		digits, _, _ := strings.Cut(line, "#")
		part, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		message = append(message, part...)
	}
	return message
}

// The bytes on the wire do not change by accident: nodes of two releases stand
// in one tree. Whoever changes them on purpose gives the format a new number.
func TestTheBytesOnTheWire(t *testing.T) {
	beat := header()
	beat.Kind, beat.Number, beat.From = Heartbeat, 8, beat.To
	delta := header()
	batch, results := messages()
	question, lookup, page := questionAndAnswers()
	promise := examplePromise()
	roll, reply := exampleRoll()
	for name, message := range map[string][]byte{
		"heartbeat": AppendPiece(nil, &beat, Body{}),
		"delta":     AppendPiece(nil, &delta, NewBody(blockOf(three()), 3)),
		"batch":     batch,
		"results":   results,
		"question":  question,
		"lookup":    lookup,
		"page":      page,
		"promise":   AppendPromise(nil, &promise),
		"roll":      AppendRoll(nil, &roll),
		"rollreply": AppendRollReply(nil, &reply),
	} {
		if want := golden(t, name); !bytes.Equal(message, want) {
			t.Errorf("%s is\n%s\nand was\n%s", name, hex.EncodeToString(message), hex.EncodeToString(want))
		}
	}
}

func TestTheGoldenDeltaIsUnderstood(t *testing.T) {
	h, block, rest, err := DecodePiece(golden(t, "delta"), maxBody)
	if err != nil || len(rest) > 0 || !reflect.DeepEqual(h, header()) {
		t.Fatalf("%+v, %d bytes follow: %v", h, len(rest), err)
	}
	entries, err := store.DecodeBlock(nil, block)
	if err != nil || !reflect.DeepEqual(entries, three()) {
		t.Errorf("%v, %v", entries, err)
	}
}
