package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"xylem/client"
)

// backup is `xylem backup` of NODE-k into a file of its own.
func (s *stand) backup(k int) (doc backupDocument) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "copy.xylem")
	got := xylem(s.t, nil, "backup", s.url(k), file, "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil || got.status != 0 || doc.Node != fmt.Sprint("NODE-", k) || doc.File != file {
		s.t.Fatalf("backup: %+v, %v", got, err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() != doc.Bytes {
		s.t.Fatalf("the file has not the %d bytes: %v, %v", doc.Bytes, info, err)
	}
	return doc
}

// Backed up under load, all killed, all data removed, restored at the root, all
// started: every node is where the backup was.
func TestATreeComesBackFromABackup(t *testing.T) {
	s := newStand(t)
	before := s.awaitEqual()
	ctx, stop := context.WithCancel(t.Context())
	var pens []*pen
	var writing sync.WaitGroup
	for k := 1; k <= 3; k++ {
		p := newPen(fmt.Sprint("pen-", k))
		pens = append(pens, p)
		writing.Go(func() { p.write(ctx, s.url(k)) })
	}
	defer writing.Wait()
	defer stop()
	awaitMore(t, pens, 30)
	doc := s.backup(2)
	awaitMore(t, pens, 30)
	for k := 1; k <= 3; k++ {
		s.kill(k)
	}
	stop()
	writing.Wait()

	left, err := filepath.Glob(filepath.Join(s.dir, "NODE-*"))
	if err != nil || len(left) != 3 {
		t.Fatalf("the data is in %v, %v", left, err)
	}
	xylem(t, nil, "restore", doc.File, "--data-dir", s.dir, "--depth", "2").wantError(t, 1, "there is a node's data already", left[0])
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	xylem(t, nil, "restore", doc.File, "--data-dir", s.dir, "--depth", "2").want(t, 0,
		fmt.Sprintf("NODE-1 holds version %s: %d entries, in %s\nstart it, and the other nodes without data\n", doc.Version, doc.Entries, left[0]), "")
	for k := 1; k <= 3; k++ {
		s.start(k)
	}
	for k := 1; k <= 3; k++ {
		s.awaitReady(k)
	}
	root := s.awaitEqual()
	if root.TreeID != before.TreeID || root.TreeID != doc.TreeID || root.Version != doc.Version || root.Digest != doc.Digest {
		t.Errorf("the root is at %s with digest %s of tree %s, want %+v", root.Version, root.Digest, root.TreeID, doc)
	}
	for k := 1; k <= 3; k++ {
		c := client.New(s.url(k))
		node, err := c.Synchronization(t.Context())
		if err != nil || node.Version != doc.Version || node.Digest != doc.Digest {
			t.Errorf("NODE-%d: %+v, %v, want %+v", k, node, err, doc)
		}
		if answer, err := c.Get(t.Context(), "pen-1-1"); err != nil || answer.AsOf.String() != doc.Version {
			t.Errorf("NODE-%d says %+v, %v", k, answer, err)
		}
		c.Close()
	}
	c := client.New(s.url(3))
	defer c.Close()
	await(t, "writes go on", func() error {
		answer, err := c.Put(t.Context(), "pen-1-1", json.RawMessage("0"))
		if err == nil && answer.Status != 200 {
			err = fmt.Errorf("%d", answer.Status)
		}
		return err
	})
}

func TestBackupKeepsOnlyWhatIsWhole(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "copy")
	f := newFakeNode(t, map[string]string{"GET /backup": "200 half of some state"})
	xylem(t, f.env(), "backup", "NODE-6", file).wantError(t, 1, "nothing was kept", "not a whole backup")
	none := newFakeNode(t, map[string]string{"GET /backup": `503 {"detail":"this node holds no state"}`})
	xylem(t, none.env(), "backup", "NODE-6", file).want(t, 1, "", "503 this node holds no state\n")
	xylem(t, []string{"XYLEM_CLIENT_URL=http://127.0.0.1:1"}, "backup", "NODE-6", file).wantError(t, 3, "NODE-6", "xylem up")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := len(f.requests())
	xylem(t, f.env(), "backup", "NODE-6", file).wantError(t, 2, file, "--force")
	xylem(t, f.env(), "backup", "NODE-6", dir, "--force").wantError(t, 2, dir+" is a directory")
	xylem(t, f.env(), "backup", "NODE-6", "-").wantError(t, 2, "standard output")
	xylem(t, f.env(), "backup", "NODE-6", filepath.Join(dir, "none", "copy")).wantError(t, 1, "there is no directory "+filepath.Join(dir, "none"))
	if len(f.requests()) != asked {
		t.Error("the node was asked in vain")
	}
	xylem(t, f.env(), "backup", "NODE-6", file, "--force").wantError(t, 1, "nothing was kept")
	if kept, err := os.ReadFile(file); err != nil || string(kept) != "precious" {
		t.Errorf("what was there is %q, %v", kept, err)
	}
	if err := os.WriteFile(file+unfinishedSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	xylem(t, f.env(), "backup", "NODE-6", file, "--force").wantError(t, 1, file+".tmp is there", "remove it")
}

func TestBackupThatIsForcedReplacesTheFile(t *testing.T) {
	f := up(t, "--depth", "1")
	f.xylem("put", "1", "k", "v")
	file := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := f.xylem("backup", "1", file, "--force")
	if !strings.HasPrefix(out, "NODE-1 at version 1.1: 1 entry, ") || !strings.HasSuffix(out, " bytes, in "+file+"\n") {
		t.Errorf("it says %q", out)
	}
	if _, err := os.Stat(file + unfinishedSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(foreign, []byte("this is not a backup of a Xylem tree"), 0o600); err != nil {
		t.Fatal(err)
	}
	xylem(t, nil, "restore", foreign, "--data-dir", dir).wantError(t, 1, foreign, "not a whole backup", "nothing was written")
	xylem(t, nil, "restore", foreign+"s", "--data-dir", dir).wantError(t, 1, "foreigns: no such file")
	xylem(t, nil, "restore", dir, "--data-dir", dir).wantError(t, 1, dir+" is a directory")
	xylem(t, nil, "restore", foreign).wantError(t, 2, "data.dir", "--data-dir")
	xylem(t, nil, "restore", foreign, "--data-dir", dir, "--id", "9").wantError(t, 2, "NODE-7")
	xylem(t, nil, "restore", foreign, "--data-dir", dir, "--id", "3").wantError(t, 2, "NODE-1", "without data")
	xylem(t, nil, "restore", foreign, "--data-dir", dir, "--id", "3", "--set", "coordinator.kind=zookeeper",
		"--set", "coordinator.zookeeper.servers=zk:2181").wantError(t, 1, "not a whole backup")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
