package proof

import (
	"errors"
	"testing"
)

var testSecret = []byte("a secret of some length")

// fresh is a new instance.
func fresh(t testing.TB) Instance {
	t.Helper()
	drawn, err := NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	return drawn
}

// pair is a sender NODE-3 and a receiver that share a secret.
func pair(t testing.TB) (*Signer, *Verifier) {
	t.Helper()
	verifier, err := NewVerifier(testSecret, fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	return sender(t, "NODE-3"), verifier
}

// sender is one more process with the secret.
func sender(t testing.TB, name string) *Signer {
	t.Helper()
	signer, err := NewSigner(testSecret, name, fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// request is one signed request, as it could be captured.
type request struct {
	proof, method, target string
	body                  []byte
}

// sign makes a request for the verifier's instance of now.
func sign(s *Signer, v *Verifier, method, target, body string) request {
	return request{s.Header(v.Instance(), method, target, []byte(body)), method, target, []byte(body)}
}

// mustAccept fails the test unless the request is taken.
func mustAccept(t testing.TB, v *Verifier, r request) Sender {
	t.Helper()
	from, err := v.Verify(r.proof, r.method, r.target, r.body)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return from
}

// mustRefuse fails the test unless the request is refused for that reason.
func mustRefuse(t testing.TB, v *Verifier, r request, reason error) {
	t.Helper()
	from, err := v.Verify(r.proof, r.method, r.target, r.body)
	if !errors.Is(err, reason) || from != (Sender{}) {
		t.Fatalf("answered %+v, %v; want refused: %v", from, err, reason)
	}
}
