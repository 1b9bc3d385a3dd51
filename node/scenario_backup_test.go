package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"xylem/client"
	"xylem/coordinator"
)

// backup fetches the state of a node.
func (tr *tree) backup(k int) []byte {
	tr.t.Helper()
	resp, body := ask(tr.t, asking(tr.nodes[k-1]).get(pathBackup))
	if resp.StatusCode != http.StatusOK || resp.Header.Get(headerNode) != coordinator.Name(k) {
		tr.t.Fatalf("GET /backup: %d of %s: %.300s", resp.StatusCode, resp.Header.Get(headerNode), body)
	}
	if found, err := CheckBackup(bytes.NewReader(body)); err != nil || found.Version.String() != resp.Header.Get(headerVersion) {
		tr.t.Fatalf("the backup is of %v, the answer of %s: %v", found.Version, resp.Header.Get(headerVersion), err)
	}
	return body
}

// restoreRoot makes the root's directory of a backup.
func (tr *tree) restoreRoot(backup []byte) Backup {
	tr.t.Helper()
	placement, err := coordinator.NewPlacement(tr.cfg.Tree.Depth)
	if err != nil {
		tr.t.Fatal(err)
	}
	placement[0] = 1
	restored, err := Restore(bytes.NewReader(backup), tr.nodes[0].dir, 1, placement)
	if err != nil {
		tr.t.Fatal(err)
	}
	return restored
}

func (tr *tree) stopAll() {
	for k := len(tr.nodes); k >= 1; k-- {
		tr.stop(k)
	}
}

func TestABackupIsOneStateThoughWritesGoOn(t *testing.T) {
	tr := startTree(t, 2)
	tr.fill("filler", 50)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for w := range 4 {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				tr.put(1+w%3, fmt.Sprint("busy-", w, "-", i%10), strconv.Itoa(i))
			}
		})
	}
	for i := range 30 {
		tr.backup(1 + i%3)
	}
	stop()
	writing.Wait()
	resp, body := ask(t, asking(tr.nodes[0]).get(pathBackup).using(http.MethodHead))
	if resp.StatusCode != http.StatusOK || len(body) > 0 {
		t.Errorf("HEAD /backup: %d and %d bytes", resp.StatusCode, len(body))
	}
}

func TestATreeThatLostEverythingIsRestored(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(3, "greeting", "hello-world")
	tr.put(2, "gone", "soon")
	if _, err := tr.client(2).Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	last := tr.fill("more", 30)
	tr.awaitEqual()
	backup, before := tr.backup(2), tr.status(1)
	tr.put(2, "greeting", "later")
	tr.restart(1) // the versions of these epochs must never be given again
	tr.awaitEqual()
	later := tr.put(1, "later", "later")

	tr.stopAll()
	for _, k := range tr.all() {
		tr.empty(k)
	}
	if restored := tr.restoreRoot(backup); restored.Version != last || restored.Digest != before.Digest {
		t.Errorf("restored is %+v, want %v with digest %v", restored, last, before.Digest)
	}
	tr.startAll()
	tr.awaitEqual()
	tr.wantTakenOver(before, last)
	tr.want("greeting", "hello-world", tr.all()...)
	if _, err := tr.client(3).Get(t.Context(), "later"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("what was written after the backup: %v, want ErrNotFound", err)
	}
	if _, err := tr.client(3).Get(t.Context(), "greeting", client.MinVersion(later.Version)); !errors.Is(err, client.ErrAbandoned) {
		t.Errorf("as of version %v, which is no more: %v, want ErrAbandoned", later.Version, err)
	}
	if epoch := tr.status(1).Epoch; epoch <= later.Version.Epoch {
		t.Errorf("the restored tree goes on with epoch %d, and had given versions of epoch %d", epoch, later.Version.Epoch)
	}
	tr.wantToGoOn(last, 2, "greeting", "hello-mars")

	// Restored once more: what was given since the first time is not given again either.
	first := tr.status(1).Epoch
	tr.stopAll()
	for _, k := range tr.all() {
		tr.empty(k)
	}
	tr.restoreRoot(backup)
	tr.startAll()
	tr.awaitEqual()
	if second := tr.status(1).Epoch; second == first {
		t.Errorf("restored twice, the tree goes on with epoch %d each time", first)
	}
}

// A restore sets nobody back who has kept more.
func TestARestoredRootTakesOverWhatItsMembersKept(t *testing.T) {
	tr := startTree(t, 2)
	tr.put(3, "greeting", "hello-world")
	backup := tr.backup(1)
	tr.restart(1)
	tr.awaitEqual()
	last := tr.put(1, "greeting", "hello-mars").Version
	tr.awaitEqual()
	before := tr.status(1)

	tr.stopAll()
	tr.empty(1)
	tr.restoreRoot(backup)
	tr.startAll()
	tr.awaitEqual()
	tr.wantTakenOver(before, last)
	tr.want("greeting", "hello-mars", tr.all()...)
	tr.wantToGoOn(last, 3, "greeting", "hello-venus")
}

func TestNothingIsRestoredOfWhatIsNoWholeBackup(t *testing.T) {
	tr := startTree(t, 1)
	tr.fill("more", 30)
	backup := tr.backup(1)
	flipped := bytes.Clone(backup)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"empty": nil, "a text": []byte("not a backup of anything, just a text"), "cut short": backup[:len(backup)-1],
		"damaged": flipped, "with something behind it": append(bytes.Clone(backup), 0),
	} {
		dir := filepath.Join(t.TempDir(), "NODE-1")
		if _, err := Restore(bytes.NewReader(content), dir, 1, nil); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v, want ErrBackup", name, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was left behind: %v", name, err)
		}
	}
	if _, err := Restore(bytes.NewReader(backup), tr.nodes[0].dir, 1, nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a node's data: %v, want ErrNotEmpty", err)
	}
}
