package node

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// slowValue is parseValue by encoding/json alone.
func slowValue(body []byte) (string, bool) {
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		return "", false
	}
	value, single := onlyMember(compact.Bytes(), "value")
	return string(value), single
}

// jsonTexts are values, and what looks like one.
var jsonTexts = []string{
	`1`, `0`, `-0`, `01`, `-`, `+1`, `1.`, `.5`, `1.50`, `1e`, `1e+`, `1E-07`, `1e999`, `123456789012345678901234567890`, `0x1`, `1 2`, `- 1`,
	`""`, `"a"`, `"`, `"\"`, `"\\"`, `"\"`, `"\""`, `"\n\t\b\f\r\/"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\uD800"`, `"\u00e9"`, `"\uABCD\u`, "\"\n\"", "\"\x00\"", "\"\x1f\"", "\"\x7f\"",
	"\"\u2028<&>\"", `"ключ"`, "\"\xff\"", `'a'`, `"a" "b"`, `"{[:,]}"`, `"\\" `, `" a  b "`,
	`true`, `false`, `null`, `tru`, `nul`, `True`, `truefalse`, `true false`, `nulll`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1, 2 ,3 ]`, `[[],[[]]]`, `[`, `]`, `[1}`, `["a" , "\" ]"]`,
	`{}`, `{ }`, `{"a":1}`, `{"a" : 1 , "a":2}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `{,}`, `{1:2}`, `{"":""}`, `{"a":{"b":[{"c":null}]}}`, `{`, `{"a":1]`,
	``, ` `, "\x00", "\ufeff1", "\v1", "\u00a01",
	strings.Repeat("[", maxPlainDepth) + strings.Repeat("]", maxPlainDepth), strings.Repeat("[", 2*maxPlainDepth) + strings.Repeat("]", 2*maxPlainDepth),
	strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat(`{"a":`, maxPlainDepth+1) + `1` + strings.Repeat("}", maxPlainDepth+1),
}

// The scanner must take for JSON what encoding/json does, and nothing else.
func TestScanAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range jsonTexts {
		agree(t, []byte(text))
		for _, around := range []string{`{"value":%}`, " {\t\"value\"\r:\n % } ", `{"value":%,"value":1}`, `{"value":%}}`, `{"other":%}`, `{"val\u0075e":%}`, `["value",%]`, `{"value":%} 1`} {
			agree(t, []byte(strings.Replace(around, "%", text, 1)))
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
		f.Add([]byte(`{ "value" : ` + text + ` }`))
	}
	f.Fuzz(func(t *testing.T, text []byte) { agree(t, text) })
}

func agree(t *testing.T, text []byte) {
	t.Helper()
	s := scan{text: text}
	s.skip()
	if s.value(maxPlainDepth) && s.skip().at == len(text) && !json.Valid(text) {
		t.Fatalf("%q is not JSON, and was taken for it", text)
	}
	if valid := json.Valid(text); validJSON(text) != valid {
		t.Fatalf("%q: that it is JSON should be %v", text, valid)
	}
	want, single := slowValue(text)
	got := plainValue(bytes.Clone(text), "value")
	switch {
	case got == nil: // left to encoding/json
	case !single:
		t.Fatalf("%q is no object with a value, and was taken for one with %q", text, got)
	case string(got) != want:
		t.Fatalf("%q has the value %q, not %q", text, want, got)
	}
}

// What clients send is not left to encoding/json.
func TestScanTakesWhatIsPlain(t *testing.T) {
	for _, body := range []string{
		`{"value":"world"}`, `{"value": "world"}`, `{ "value" : [ 1, {"a": "b\n\u00e9"}, -2.5e-3, true, null ] }`, "{\"value\":{}}\n", `{"value":"ключ"}`,
	} {
		if plainValue([]byte(body), "value") == nil {
			t.Errorf("%s is left to encoding/json", body)
		}
	}
}
