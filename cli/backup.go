package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"xylem/client"
	"xylem/node"
)

// unfinishedSuffix ends the name of a backup that is being written.
const unfinishedSuffix = ".tmp"

func (a *app) backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup NODE FILE",
		Short: "Write a consistent copy of a node's state to a file",
		Long: `Write a node's whole state, as of one version, to FILE, while the node goes on serving. All nodes hold the same state;
the root's is the latest. Writes that wait in the node's queue (202) are not in it: they have no version yet.

What came is written to FILE.tmp, made durable and checked whole, its digest too; only then it gets its name. xylem
restore makes a data directory of it.`,
		Example: `  xylem backup NODE-1 monday.xylem
  xylem backup NODE-6 latest.xylem --force     # replaces latest.xylem once the new one is whole
  xylem backup NODE-6 latest.xylem -o json | jq .version`,
		Args:              needArgs("NODE", "FILE"),
		ValidArgsFunction: a.completeNode,
	}
	force := cmd.Flags().Bool("force", false, "replace FILE if it is there")
	addOutput(cmd)
	addTimeout(cmd, client.DefaultTimeout)
	cmd.Flags().Lookup("timeout").Usage = "how long to wait for the answer, and for each further part of it"
	addSettings(cmd.Flags(), clientSettings)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, asJSON, timeout, err := a.prepare(cmd)
		if err != nil {
			return err
		}
		from, err := resolve(cfg, args[0], timeout)
		if err != nil {
			return err
		}
		return a.untilSignal(cmd.Context(), func(ctx context.Context) error {
			return a.backup(ctx, from, args[1], *force, asJSON)
		})
	}
	return cmd
}

func (a *app) backup(ctx context.Context, from target, path string, force, asJSON bool) error {
	if err := mayWrite(path, force); err != nil {
		return err
	}
	answer, err := from.client.Backup(ctx)
	if err != nil {
		return unanswered(from.name, from.url, err)
	}
	defer answer.Body.Close()
	file, err := os.OpenFile(path+unfinishedSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return failed("%s%s is there: another backup is writing it, or one was cut off; then remove it", path, unfinishedSuffix)
	case err != nil:
		return failed("%w", err)
	}
	found, bytes, err := keep(file, answer.Body)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
		if errors.Is(err, client.ErrUnreachable) {
			return unanswered(from.name, from.url, err)
		}
		return failed("nothing was kept: %w", err)
	}
	if err := settle(filepath.Dir(path)); err != nil {
		return failed("%s is whole, but a power cut may still take it away: %w", path, err)
	}
	doc := newBackupDocument(found)
	doc.Node, doc.File, doc.Bytes = answer.Node, path, bytes
	if asJSON {
		return writeJSON(a.stdout, doc)
	}
	return a.say("%s at version %s: %s, %d bytes, in %s", oneLine(answer.Node), found.Version, entries(found), bytes, path)
}

// mayWrite refuses what is no name for a new file, before a node is asked.
func mayWrite(path string, force bool) error {
	if path == "-" {
		return usage("FILE cannot be standard output, for it is checked before it gets its name: give it a name")
	}
	if into, err := os.Stat(filepath.Dir(path)); err != nil || !into.IsDir() {
		return failed("there is no directory %s", filepath.Dir(path))
	}
	found, err := os.Lstat(path)
	switch {
	case err != nil: // not there: as it should be
		return nil
	case found.IsDir():
		return usage("%s is a directory: name a FILE in it", path)
	case !force:
		return usage("%s is there: give another FILE, or --force to replace it", path)
	}
	return nil
}

// keep writes a backup to a file, durably, and checks what the file then holds.
func keep(file *os.File, state io.Reader) (found node.Backup, bytes int64, err error) {
	if bytes, err = io.Copy(file, state); err != nil {
		return found, bytes, err
	}
	if err = file.Sync(); err != nil {
		return found, bytes, err
	}
	if _, err = file.Seek(0, io.SeekStart); err != nil {
		return found, bytes, err
	}
	found, err = node.CheckBackup(file)
	return found, bytes, err
}

// settle makes the names in a directory durable.
func settle(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// backupDocument is what backup and restore say for programs.
type backupDocument struct {
	Node    string `json:"node"`
	TreeID  string `json:"tree_id"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Entries uint64 `json:"entries"`
	Bytes   int64  `json:"bytes,omitempty"`
	File    string `json:"file"`
	Dir     string `json:"dir,omitempty"`
}

func newBackupDocument(found node.Backup) backupDocument {
	return backupDocument{
		TreeID: found.Tree.String(), Version: found.Version.String(), Digest: found.Digest.String(), Entries: found.Entries,
	}
}

// entries says how many a backup holds.
func entries(found node.Backup) string {
	if found.Entries == 1 {
		return "1 entry"
	}
	return strconv.FormatUint(found.Entries, 10) + " entries"
}

// say prints a line for people.
func (a *app) say(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format+"\n", args...); err != nil {
		return failed("writing the answer: %w", err)
	}
	return nil
}
