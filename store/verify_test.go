package store

import (
	"strconv"
	"sync"
	"testing"
	"unsafe"

	"xylem/sync/version"
)

func whereIs(t *table, key string) place {
	at, _ := t.find(hashOf(key), key, new(Entry))
	return at
}

// flip changes a byte of what is stored of a key.
func flip(t *table, key string, which func(*Entry) *byte) {
	var e Entry
	t.get(key, &e)
	*which(&e) ^= 1
}

// forge has readers find another entry of a key than what was put.
func forge(t *table, key string, change func(*Entry)) {
	e := *t.get(key, new(Entry))
	change(&e)
	c := newChunk(&e, maxChunkBytes, e.Version.Seq)
	offset, _ := c.add(&e)
	t.chunks.add(c)
	t.index.replace(uint32(hashOf(key)), whereIs(t, key).ref, c.ref(offset, hashOf(key)))
}

func TestVerifyDetectsWhatIsServedWrongly(t *testing.T) {
	for name, tamper := range map[string]func(*table){
		"a value that decayed": func(t *table) { flip(t, "a", func(e *Entry) *byte { return unsafe.StringData(e.Value) }) },
		"a key that decayed":   func(t *table) { flip(t, "a", func(e *Entry) *byte { return unsafe.StringData(e.Key) }) },
		"another version":      func(t *table) { forge(t, "a", func(e *Entry) { e.Version.Seq++ }) },
		"another write id":     func(t *table) { forge(t, "a", func(e *Entry) { e.Write.Counter++ }) },
		"a value that is gone": func(t *table) { forge(t, "a", func(e *Entry) { e.Value = "" }) },
		"a key that is lost":   func(t *table) { t.index.replace(uint32(hashOf("a")), whereIs(t, "a").ref, removed) },
		"a deleted key back":   func(t *table) { forge(t, "c", func(e *Entry) { e.Value = "1" }) },
		"a digest that decayed": func(t *table) {
			t.digest.Lo ^= 1
		},
	} {
		root := newRoot()
		root.write("a", "1", "b", "1", "c", "1", "c", "")
		if !root.Verify() {
			t.Fatal("an untouched store is reported")
		}
		_, honest := root.Digest()
		tamper(root.base.Load().table)
		if root.Verify() {
			t.Errorf("%s: it goes unnoticed", name)
		}
		_, kept := root.Digest()
		if decayed := name == "a digest that decayed"; (kept == honest) != decayed {
			t.Errorf("%s: %v is kept, before it was %v", name, kept, honest)
		}
		if !root.Verify() {
			t.Errorf("%s: the kept digest is not what is served", name)
		}
	}
}

func TestASnapshotRepairsWhatVerifyFound(t *testing.T) {
	root, s := leaf(t)
	forge(s.base.Load().table, "a", func(e *Entry) { e.Value = "X" })
	if s.Verify() {
		t.Fatal("it goes unnoticed")
	}
	cut := root.Cut(version.Version{})
	if _, digest := s.Digest(); digest == cut.Digest {
		t.Fatal("the next push would not find the difference")
	}
	snapshot(t, s, cut)
	if _, digest := s.Digest(); digest != cut.Digest || !s.Verify() {
		t.Error("it is not repaired")
	}
}

// A sound store passes, whatever happens to it in the meantime: overwriting,
// deleting, purging, and being replaced by a snapshot.
func TestVerifyBelievesASoundStoreThatChanges(t *testing.T) {
	root := newRoot()
	root.load(200, "0")
	stop := make(chan struct{})
	var verifier sync.WaitGroup
	verifier.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if !root.Verify() {
				t.Error("a sound store is reported")
				return
			}
		}
	})
	for i := range 2000 {
		switch key := keyOf(i * 7 % 200); {
		case i%3 == 0:
			root.write(key, "")
			root.expire()
		case i%100 == 1:
			snapshot(t, root.Store, root.Cut(version.Version{}))
		default:
			root.write(key, strconv.Itoa(i))
		}
	}
	close(stop)
	verifier.Wait()
	if _, kept := root.Digest(); kept != digestOf(root.model) {
		t.Error("the digest kept was led astray")
	}
}

// The same, at the very moments that matter.
func TestVerifyBelievesAKeyThatWasDeletedAndPurgedSinceItBegan(t *testing.T) {
	root := newRoot()
	root.write("a", "1", "b", "1", "c", "1", "d", "", "e", "1")
	cut := root.Cut(version.Version{})
	root.write("a", "", "b", "2", "d", "1")
	root.expire()
	root.write("e", "")
	if got := root.base.Load().table.digestOf(cut); got != cut.Digest {
		t.Errorf("it finds %v, want %v", got, cut.Digest)
	}
}
