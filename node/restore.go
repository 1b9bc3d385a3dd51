package node

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"xylem/coordinator"
	"xylem/store"
	"xylem/store/journal"
	"xylem/sync/version"
	"xylem/sync/wire"
)

var (
	// ErrBackup is wrapped when a file is no backup, or not whole.
	ErrBackup = errors.New("not a whole backup of xylem")
	// ErrNotEmpty is wrapped when the directory to restore to holds a node's data already.
	ErrNotEmpty = errors.New("there is a node's data already")
)

// Backup is what a file says of the state in it.
type Backup struct {
	Tree    version.TreeID
	Version version.Version
	Entries uint64 // without tombstones
	Digest  store.Digest
}

// maxBackupPiece bounds the pieces of a backup: values are of at most 64 MiB.
const maxBackupPiece = 2*wire.MaxBodyBytes + 64<<20 + 64<<10

// CheckBackup reads a backup to its end, in bounded memory, and finds out whether it is
// whole and adds up to its digest. Errors wrap ErrBackup, or are the reader's.
func CheckBackup(r io.Reader) (Backup, error) {
	var tally store.Tally
	h, err := wire.ReadState(r, maxBackupPiece, func(_ *wire.Header, block []byte) error { return tally.Add(block) })
	switch {
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, store.ErrBlock), errors.Is(err, io.ErrUnexpectedEOF):
		return Backup{}, fmt.Errorf("%w: %w", ErrBackup, err)
	case err != nil:
		return Backup{}, err
	case tally.Digest() != h.Digest || tally.Live() != h.Live || tally.Last().Seq > h.To.Seq:
		return Backup{}, fmt.Errorf("%w: its %d entries do not add up to its digest", ErrBackup, tally.Live())
	}
	return Backup{Tree: h.Meta.Tree, Version: h.To, Entries: h.Live, Digest: h.Digest}, nil
}

// A restored state leaves epochs free: at least leftOut, and up to leftOutMore beyond.
// Since the backup was taken the tree may have begun others, and clients may know
// versions and ETags of theirs: none of those may be given again for something else. They
// count as abandoned. How many is drawn, so that those of an earlier restore of the same
// backup are not given again either.
const (
	leftOut     = 1000
	leftOutMore = 1 << 20
)

// journalDir is where in its data directory a node has its journal.
func journalDir(dataDir string) string { return filepath.Join(dataDir, "journal") }

// Restore makes a data directory for NODE-k that holds what a backup holds, whole or not
// at all. placement is the tree's, for a node that may start as the root; the node that
// starts with it begins a new epoch. The backup is read twice; it was not changed by
// anybody meanwhile. Errors wrap ErrBackup, upon which nothing was written, ErrNotEmpty,
// or those of journal and the file system.
func Restore(backup io.ReadSeeker, dataDir string, k int, placement coordinator.Placement) (Backup, error) {
	found, err := CheckBackup(backup)
	if err == nil {
		_, err = backup.Seek(0, io.SeekStart)
	}
	if err != nil {
		return found, err
	}
	dir := journalDir(dataDir)
	if held, err := os.ReadDir(dir); len(held) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, cmp.Or(err, fmt.Errorf("%s: %w", dir, ErrNotEmpty))
	}
	// Written beside its place: what was begun and not ended is no journal to anybody.
	unfinished := dir + ".restoring"
	if err := os.RemoveAll(unfinished); err != nil {
		return found, err
	}
	err = writeJournal(backup, unfinished, store.Identity{Node: uint32(k)}, placement)
	if err == nil {
		err = os.Rename(unfinished, dir) // fails when something came to be there meanwhile
	}
	if err == nil {
		err = journal.OS().SyncDir(dataDir)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(unfinished))
	}
	return found, err
}

// writeJournal makes a journal of a checkpoint that holds what a backup holds.
func writeJournal(backup io.Reader, dir string, id store.Identity, placement coordinator.Placement) error {
	j, err := journal.Open(journal.Options{Dir: dir})
	if err != nil {
		return err
	}
	if _, err := j.Replay(func(journal.Source, []byte) error { return nil }); err != nil {
		return errors.Join(err, j.Close())
	}
	checkpoint, err := j.StartCheckpoint()
	if err != nil {
		return errors.Join(err, j.Close())
	}
	var record []byte
	_, err = wire.ReadState(backup, maxBackupPiece, func(h *wire.Header, block []byte) error {
		if h.Piece == 0 {
			head := store.Cut{To: h.To, Digest: h.Digest, Meta: h.Meta}
			head.Meta.BeginEpoch(h.Meta.Epoch+leftOut+rand.Uint64N(leftOutMore), 0, h.To)
			if err := store.WriteHead(&head, id, placement, checkpoint.Write); err != nil {
				return err
			}
		}
		record = store.AppendEntries(record[:0], block)
		return checkpoint.Write(record)
	})
	if err == nil {
		err = checkpoint.Commit()
	} else {
		err = errors.Join(err, checkpoint.Abort())
	}
	return errors.Join(err, j.Close())
}
