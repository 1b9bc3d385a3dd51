package node

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"xylem/node/proof"
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// batch is a batch of writes of NODE-3 as it travels.
func batch(tree version.TreeID, writes ...wire.Write) []byte {
	return wire.AppendBatch(nil, &wire.Batch{Tree: tree, Epoch: 1, Writes: writes})
}

func write(counter uint64, key, value string) wire.Write {
	return wire.Write{ID: version.WriteID{Node: 3, Counter: counter}, Key: key, Value: value}
}

func TestThePathsBetweenNodesAreClosedToStrangers(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	tr.put(1, "k", "v")
	tr.awaitEqual()
	tree := tr.nodes[0].node.store.Meta().Tree
	join, _ := json.Marshal(joinDocument{Member: tr.nodes[2].node.self, TreeID: tree.String(), Epoch: 1, Fanout: *fanout})
	bodies := map[string][]byte{
		pathWrite: batch(tree, write(1, "k", "1")), pathLookup: keyQuestion("k"), pathJoin: join, pathLeave: join, pathState: nil, pathSynchronize: []byte("XYL\x01"),
	}
	for _, p := range tr.nodes[:2] {
		p.unchanged(t)
		member := play(t, tr.secret, 3, p)
		stranger := play(t, []byte("another secret of 16 bytes"), 1, p)
		for path, body := range bodies {
			wantRefusedProof(t, p.ask(t, requestText(http.MethodPost, path, string(body))))
			wantRefusedProof(t, stranger.post(path, body))
			elsewhere := proof.HeaderName + ": " + member.signer.Header(member.receiver, http.MethodPost, "/tree/elsewhere", body)
			wantRefusedProof(t, p.ask(t, requestText(http.MethodPost, path, string(body), elsewhere)))
			changed := strings.Replace(member.request(path, append(body, 'x')), "x", "y", 1) // the host's, which is not covered
			changed = changed[:len(changed)-1] + "z"
			wantRefusedProof(t, p.ask(t, changed))
		}
		captured := member.request(pathLookup, keyQuestion("k"))
		if got := p.ask(t, captured); got.status != http.StatusOK {
			t.Errorf("a member's lookup: %d %s", got.status, got.body)
		}
		wantRefusedProof(t, p.ask(t, captured))
	}
	for _, m := range tr.status(1).Nodes {
		if m.State != "alive" {
			t.Errorf("%s is %s", m.Node, m.State)
		}
	}
}

func TestOnlyTheRootMayAskForANodesState(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	tr.put(1, "k", "v")
	tr.awaitEqual()
	wantProblem(t, play(t, tr.secret, 3, tr.nodes[1]).post(pathState, nil), http.StatusForbidden, "not-root")
	got := play(t, tr.secret, 1, tr.nodes[1]).post(pathState, nil)
	if got.status != http.StatusOK || !strings.Contains(string(got.body), `"v"`) {
		t.Errorf("the root asks for the state: %d, %d bytes", got.status, len(got.body))
	}
}

func TestABatchIsRefusedWhole(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"), valuesUpTo(1000))
	tr.put(1, "k", "v")
	tr.awaitEqual()
	tree := tr.nodes[0].node.store.Meta().Tree
	good := write(1, "good", "1")
	damaged := batch(tree, good)
	damaged = damaged[:len(damaged)-1]
	for name, c := range map[string]struct {
		body   []byte
		status int
		slug   string
	}{
		"another tree":      {batch(version.TreeID{9}, good), http.StatusConflict, "other-tree"},
		"too large a value": {batch(tree, good, write(2, "k", `"`+strings.Repeat("x", 1000)+`"`)), http.StatusRequestEntityTooLarge, "too-large"},
		"an empty key":      {batch(tree, good, write(2, "", "1")), http.StatusBadRequest, "malformed"},
		"a long key":        {batch(tree, good, write(2, strings.Repeat("k", 1025), "1")), http.StatusBadRequest, "malformed"},
		"invalid UTF-8":     {batch(tree, good, write(2, "\xff", "1")), http.StatusBadRequest, "malformed"},
		"NUL":               {batch(tree, good, write(2, "a\x00", "1")), http.StatusBadRequest, "malformed"},
		"no JSON":           {batch(tree, good, write(2, "k", `{"a":`)), http.StatusBadRequest, "malformed"},
		"two values":        {batch(tree, good, write(2, "k", `1,"version":2`)), http.StatusBadRequest, "malformed"},
		"a value not UTF-8": {batch(tree, good, write(2, "k", "\"\xff\"")), http.StatusBadRequest, "malformed"},
		"cut short":         {damaged, http.StatusBadRequest, "malformed"},
		"nothing":           {nil, http.StatusBadRequest, "malformed"},
		"JSON":              {[]byte(`{"writes":[]}`), http.StatusBadRequest, "malformed"},
	} {
		for _, p := range tr.nodes[:2] {
			t.Run(name, func(t *testing.T) {
				p.unchanged(t)
				tr.nodes[0].unchanged(t)
				wantProblem(t, play(t, tr.secret, 3, p).post(pathWrite, c.body), c.status, c.slug)
			})
		}
	}
}

// keyQuestion asks for a key, however old what is known of it is.
func keyQuestion(key string) []byte {
	return wire.AppendQuestion(nil, &wire.Question{Key: key, TimeLeft: 1000})
}

func TestALookupOfWhatIsNoKeyIsRefused(t *testing.T) {
	tr := startTree(t, 1)
	p := tr.nodes[0]
	p.unchanged(t)
	wantProblem(t, play(t, tr.secret, 2, p).post(pathLookup, []byte("k")), http.StatusBadRequest, "malformed")
	for _, key := range []string{"", "\xff", "a\x00", strings.Repeat("k", store.MaxKeyBytes+1)} {
		wantProblem(t, play(t, tr.secret, 2, p).post(pathLookup, keyQuestion(key)), http.StatusBadRequest, "malformed")
	}
}

func TestJoiningUnderAnotherNameIsRefused(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	root := tr.nodes[0]
	root.unchanged(t)
	before := string(root.get(t, "/nodes/structure").body)
	self := tr.nodes[2].node.self
	encode := func(change func(*joinDocument)) []byte {
		d := joinDocument{Member: self, TreeID: version.TreeID{}.String(), Fanout: *fanout}
		change(&d)
		body, _ := json.Marshal(d)
		return body
	}
	for name, c := range map[string]struct {
		as     int
		body   []byte
		status int
		slug   string
	}{
		"as another":        {2, encode(func(*joinDocument) {}), http.StatusForbidden, "sender"},
		"a taken name":      {3, encode(func(d *joinDocument) { d.Instance = "1234567890abcdef1234567890abcdef" }), http.StatusConflict, "name-taken"},
		"the root's name":   {1, encode(func(d *joinDocument) { d.ID = 1 }), http.StatusConflict, "name-taken"},
		"outside the tree":  {4, encode(func(d *joinDocument) { d.ID = 4 }), http.StatusForbidden, "outside-tree"},
		"without address":   {3, encode(func(d *joinDocument) { d.Address = "" }), http.StatusBadRequest, "incomplete"},
		"a tree that is no": {3, encode(func(d *joinDocument) { d.TreeID = "x" }), http.StatusBadRequest, "body"},
		"no JSON":           {3, []byte("{"), http.StatusBadRequest, "body"},
		"an array":          {3, []byte("[]"), http.StatusBadRequest, "body"},
		"wrong types":       {3, []byte(`{"id":"three"}`), http.StatusBadRequest, "body"},
		"more behind it":    {3, append(encode(func(*joinDocument) {}), "{}"...), http.StatusBadRequest, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, play(t, tr.secret, c.as, root).post(pathJoin, c.body), c.status, c.slug)
		})
	}
	member := play(t, tr.secret, 3, tr.nodes[1])
	wantProblem(t, member.post(pathJoin, encode(func(*joinDocument) {})), http.StatusForbidden, "ask-the-root")
	if after := string(root.get(t, "/nodes/structure").body); after != before {
		t.Errorf("the tree was %s and now is %s", before, after)
	}
}

// A forged push can only come from who knows the secret: a mistake, not a
// stranger. The digest finds it, and the real root's snapshot mends it.
func TestAPlantedDifferenceIsFoundAndMended(t *testing.T) {
	tr := startTree(t, 2, schedule("@every 1h"))
	tr.put(1, "k", "right")
	tr.awaitEqual()
	at := tr.nodes[0].node.store.Cut(version.Version{})
	l := &lone{player: play(t, tr.secret, 1, tr.nodes[1]), root: store.New(), number: 1 << 40}
	l.root.SetMeta(at.Meta)
	to := version.Version{Epoch: at.To.Epoch, Seq: at.To.Seq + 1}
	planted := &store.Entry{Key: "k", Value: `"planted"`, Version: to, Stamp: 1, Write: version.WriteID{Node: 1, Counter: 1}}
	got := l.push(&wire.Header{
		Kind: wire.Delta, Root: 1, Number: 1 << 40, Last: true, Meta: at.Meta, From: at.To, To: to, Sent: 1, Digest: at.Digest, Live: 1,
	}, bodyOf(planted))
	if got.status != http.StatusOK || !strings.Contains(string(got.body), digestDiffers) {
		t.Fatalf("the forged push: %d %s", got.status, got.body)
	}
	tr.want("k", "planted", 2)
	if counted := tr.status(2).DigestMismatches; counted != 1 {
		t.Errorf("NODE-2 counted %d mismatches, want 1", counted)
	}
	tr.put(1, "other", "x") // the next version, and with it the next digest
	tr.awaitEqual()
	tr.want("k", "right", 1, 2, 3)
	tr.want("other", "x", 1, 2, 3)
	if counted := tr.status(2).DigestMismatches; counted != 2 {
		t.Errorf("NODE-2 counted %d mismatches, want 2", counted)
	}
	for _, m := range tr.status(1).Nodes {
		if want := map[string]uint64{"NODE-2": 1}[m.Node]; m.Mismatches != want {
			t.Errorf("the root counts %d mismatches of %s, want %d", m.Mismatches, m.Node, want)
		}
		if m.Node == "NODE-2" && m.LastPush.Kind != wire.Snapshot.String() {
			t.Errorf("NODE-2 was mended by a %s", m.LastPush.Kind)
		}
	}
}
