package node

import (
	"net/http"
	"testing"

	"xylem/client"
	"xylem/store"
	"xylem/sync/version"
	"xylem/sync/wire"
)

// A delete that waits in a node's queue hides all of an ancestor's page: whoever
// walks goes on behind it.
func TestAWalkGoesOnBehindAPageThatIsHiddenWhole(t *testing.T) {
	keys := []string{"a", "b", "c"}
	tr := aboveNode2(t, func(q wire.Question) (int, []byte) {
		found := wire.Lookup{Tree: version.TreeID{1}, Epoch: 1, AsOf: version.Version{Epoch: 1, Seq: 5}}
		for i, key := range keys {
			if key <= q.After {
				continue
			}
			if len(found.Entries) == q.Limit {
				found.Next = keys[i-1]
				break
			}
			found.Entries = append(found.Entries, &store.Entry{Key: key, Value: `1`, Version: version.Version{Epoch: 1, Seq: uint64(i + 1)}})
		}
		return http.StatusOK, wire.AppendLookup(nil, &found)
	})
	ctx, leaf := t.Context(), tr.client(2)
	tr.wantQueued(leaf.Delete(ctx, "a"))

	after, walked := "", []string{}
	for {
		page, err := leaf.List(ctx, "", after, 1)
		if err != nil {
			t.Fatal(err)
		}
		walked = append(walked, keysOf(page))
		if after = page.Next; after == "" {
			break
		}
	}
	if len(walked) != 3 || walked[0] != "" || walked[1] != "b@1.2" || walked[2] != "c@1.3" {
		t.Errorf("the pages are %q", walked)
	}
	var all []client.Entry
	for entry, err := range leaf.All(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry)
	}
	if len(all) != 2 || all[0].Key != "b" || all[1].Key != "c" {
		t.Errorf("a walk shows %+v", all)
	}
}

// A node through which some later writes passed, and others did not, has parts of
// several states. A page is of one: it is the root's, also for whoever asks through
// another node that has parts.
func TestAPageIsOfOneState(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	tr.put(1, "deleted", "elsewhere")
	tr.tick()
	tr.awaitEqual()
	if _, err := tr.client(7).Delete(t.Context(), "deleted"); err != nil {
		t.Fatal(err)
	}
	tr.put(1, "first", "not known at NODE-4")
	last := tr.put(4, "second", "known at NODE-4")
	for _, k := range []int{4, 2, 1} {
		page, err := tr.client(k).List(t.Context(), "", "", 0)
		if err != nil || len(page.Entries) != 2 || page.Entries[0].Key != "first" || page.AsOf != last.Version {
			t.Errorf("NODE-%d lists %+v, %v", k, page, err)
		}
	}
	page, err := tr.client(5).List(t.Context(), "", "", 0) // nothing passed here
	if err != nil || keysOf(page) != "deleted@1.1" {
		t.Errorf("NODE-5 lists %+v, %v", page, err)
	}
}
