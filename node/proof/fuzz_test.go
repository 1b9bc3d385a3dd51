package proof

import (
	"errors"
	"strings"
	"testing"
)

// FuzzVerify offers any header for a request that nobody ever signed.
func FuzzVerify(f *testing.F) {
	instance, err := ParseInstance(strings.Repeat("5a", len(Instance{})))
	if err != nil {
		f.Fatal(err)
	}
	verifier, err := NewVerifier(testSecret, instance)
	if err != nil {
		f.Fatal(err)
	}
	good := sender(f, "NODE-3").Header(instance, "POST", "/synchronize", []byte("body"))
	f.Add(good) // right, but for another request than the one below
	f.Add("")
	f.Add("v2")
	f.Add(good[:len(good)-1])
	f.Add(strings.Replace(good, "counter=1", "counter=18446744073709551615", 1))
	f.Fuzz(func(t *testing.T, header string) {
		from, err := verifier.Verify(header, "POST", "/synchronize", []byte("another body"))
		if err == nil || from != (Sender{}) {
			t.Fatalf("accepted %q as %+v", header, from)
		}
		for _, reason := range []error{ErrMissing, ErrMalformed, ErrWrongInstance, ErrWrongProof} {
			if errors.Is(err, reason) {
				return
			}
		}
		t.Fatalf("refused for no known reason: %v", err)
	})
}

// FuzzParseHeader checks that a header has one spelling.
func FuzzParseHeader(f *testing.F) {
	f.Add(sender(f, "NODE-3").Header(Instance{}, "POST", "/", nil))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHeader(text)
		if err == nil && h.String() != text {
			t.Fatalf("%q reads as %q", text, h.String())
		}
	})
}
