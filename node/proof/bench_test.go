package proof

import (
	"crypto/hkdf"
	"crypto/sha256"
	"testing"
)

// newDerived is the derived key, as newKey makes it.
func newDerived(t testing.TB) []byte {
	t.Helper()
	derived, err := hkdf.Key(sha256.New, testSecret, nil, keyLabel, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	return derived
}

func BenchmarkSign(b *testing.B) {
	signer, verifier := pair(b)
	to, body := verifier.Instance(), make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		signer.Header(to, "POST", "/synchronize", body)
	}
}

func BenchmarkVerify(b *testing.B) {
	signer, verifier := pair(b)
	body := make([]byte, 256)
	proofs := make([]string, b.N)
	for i := range proofs {
		proofs[i] = signer.Header(verifier.Instance(), "POST", "/synchronize", body)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, proof := range proofs {
		if _, err := verifier.Verify(proof, "POST", "/synchronize", body); err != nil {
			b.Fatal(err)
		}
	}
}
