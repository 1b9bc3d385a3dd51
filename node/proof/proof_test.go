package proof

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestARequestIsAcceptedOnceAndNamesItsSender(t *testing.T) {
	signer, verifier := pair(t)
	r := sign(signer, verifier, "POST", "/synchronize?x=%20y", "body")
	if from := mustAccept(t, verifier, r); from != (Sender{Name: "NODE-3", Instance: signer.Instance()}) {
		t.Fatalf("sender %+v", from)
	}
	mustRefuse(t, verifier, r, ErrReplayed)
	mustAccept(t, verifier, sign(signer, verifier, "GET", "/", ""))
}

func TestASenderLearnsTheReceiversInstance(t *testing.T) {
	signer, verifier := pair(t)
	var receivers Receivers
	const address = "http://NODE-1:5000"
	unknown := receivers.Known(address)
	first := request{proof: signer.Header(unknown, "GET", "/", nil), method: "GET", target: "/"}
	mustRefuse(t, verifier, first, ErrWrongInstance)
	again, ok := receivers.Learn(address, unknown, verifier.Instance().String())
	if !ok || again != verifier.Instance() || receivers.Known(address) != again {
		t.Fatalf("learnt %v, %v", again, ok)
	}
	second := request{proof: signer.Header(again, "GET", "/", nil), method: "GET", target: "/"}
	mustAccept(t, verifier, second)
	if _, ok := receivers.Learn(address, again, again.String()); ok {
		t.Fatal("an answer with the instance that was used asks for another try")
	}
	for _, junk := range []string{"", "x", Instance{}.String(), strings.ToUpper(fresh(t).String()) + "A"} {
		if same, ok := receivers.Learn(address, again, junk); ok || same != again {
			t.Fatalf("learnt %q", junk)
		}
	}
	receivers.Forget(address)
	if !receivers.Known(address).IsZero() {
		t.Fatal("not forgotten")
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	signer, verifier := pair(t)
	good := sign(signer, verifier, "POST", "/store/a%2Fb?limit=1", "a body of some bytes")
	flips := func(text string, try func(changed string)) {
		for i := range 8 * len(text) {
			changed := []byte(text)
			changed[i/8] ^= 1 << (i % 8)
			try(string(changed))
		}
	}
	refuse := func(r request) {
		t.Helper()
		if _, err := verifier.Verify(r.proof, r.method, r.target, r.body); err == nil {
			t.Fatalf("accepted %+v", r)
		}
	}
	flips(good.proof, func(changed string) { r := good; r.proof = changed; refuse(r) })
	flips(good.method, func(changed string) { r := good; r.method = changed; refuse(r) })
	flips(good.target, func(changed string) { r := good; r.target = changed; refuse(r) })
	flips(string(good.body), func(changed string) { r := good; r.body = []byte(changed); refuse(r) })
	mustAccept(t, verifier, good) // and none of them used up the counter
}

func TestFieldsDoNotRunIntoEachOther(t *testing.T) {
	signer, verifier := pair(t)
	good := sign(signer, verifier, "POST", "/a", "")
	shifted := good
	shifted.method, shifted.target = "POST/", "a"
	mustRefuse(t, verifier, shifted, ErrWrongProof)
	mustAccept(t, verifier, good)
}

func TestAnotherSecretIsRefused(t *testing.T) {
	_, verifier := pair(t)
	stranger, err := NewSigner([]byte("some other secret"), "NODE-3", fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, verifier, sign(stranger, verifier, "GET", "/", ""), ErrWrongProof)
	if len(verifier.senders) != 0 {
		t.Fatal("a stranger is remembered")
	}
}

func TestAProofForAnotherReceiverIsRefused(t *testing.T) {
	signer, verifier := pair(t)
	_, other := pair(t)
	mustRefuse(t, other, sign(signer, verifier, "GET", "/", ""), ErrWrongInstance)
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	signer, verifier := pair(t)
	good := sign(signer, verifier, "GET", "/", "")
	mustRefuse(t, verifier, request{method: "GET", target: "/"}, ErrMissing)
	counter := " counter=1 "
	for _, change := range [][2]string{
		{"v2 ", "v1 "},
		{"v2 ", "v2  "},
		{"sender=NODE-3", "sender="},
		{"NODE-3", "NODE 3"},
		{"NODE-3", "NODE-ä"},
		{"NODE-3", strings.Repeat("n", MaxSenderBytes+1)},
		{" from=", " from=00"},
		{" to=", " to=g"},
		{" to=", " "},
		{signer.Instance().String(), Instance{}.String()},
		{counter, " counter=0 "},
		{counter, " counter=01 "},
		{counter, " counter=+1 "},
		{counter, " counter= "},
		{counter, " counter=18446744073709551616 "},
		{counter, counter + "counter=1 "},
		{" mac=", " mac=0"},
		{" mac=", " MAC="},
		{" ", "\t"},
		{good.proof, good.proof + " "},
		{good.proof, good.proof + strings.Repeat("0", 4096)},
		{good.proof, " " + good.proof},
		{good.proof, "v2"},
	} {
		bad := good
		bad.proof = strings.Replace(good.proof, change[0], change[1], 1)
		mustRefuse(t, verifier, bad, ErrMalformed)
	}
	mustAccept(t, verifier, good)
}

func TestSetUpIsChecked(t *testing.T) {
	short := testSecret[:MinSecretBytes-1]
	if _, err := NewSigner(short, "NODE-3", fresh(t)); !errors.Is(err, ErrShortSecret) {
		t.Error(err)
	}
	if _, err := NewVerifier(short, fresh(t)); !errors.Is(err, ErrShortSecret) {
		t.Error(err)
	}
	if _, err := NewSigner(testSecret, "NODE 3", fresh(t)); !errors.Is(err, ErrSenderName) {
		t.Error(err)
	}
	if _, err := NewSigner(testSecret, "NODE-3", Instance{}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if _, err := NewVerifier(testSecret, Instance{}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func TestNothingPrintsTheSecret(t *testing.T) {
	signer, verifier := pair(t)
	mustAccept(t, verifier, sign(signer, verifier, "GET", "/", "")) // so that the pools hold something
	derived := newDerived(t)
	holder := struct {
		s *Signer
		v *Verifier
		k key
	}{signer, verifier, signer.key}
	_, short := NewSigner(testSecret[:12], "NODE-3", fresh(t))
	encoded, err := json.Marshal([]any{signer})
	if err != nil {
		t.Fatal(err)
	}
	printed := string(encoded) + fmt.Sprint(short)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{signer, verifier, signer.key, &signer.key, holder, &holder} {
			printed += fmt.Sprintf(verb, value) + "\n"
		}
	}
	for _, secret := range [][]byte{testSecret[:8], derived[:4]} {
		for _, form := range []string{
			string(secret), hex.EncodeToString(secret), strings.Trim(fmt.Sprint(secret), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte{"), "}"),
		} {
			if strings.Contains(printed, form) {
				t.Errorf("printed %s", form)
			}
		}
	}
}
