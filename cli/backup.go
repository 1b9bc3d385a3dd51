package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
	if _, err := os.Lstat(path); err == nil && !force {
		return usage("%s is there: give another FILE, or --force to replace it", path)
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
		err = give(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
		if errors.Is(err, client.ErrUnreachable) {
			return unanswered(from.name, from.url, err)
		}
		return failed("nothing was kept: %w", err)
	}
	doc := newBackupDocument(found)
	doc.Node, doc.File, doc.Bytes = answer.Node, path, bytes
	if asJSON {
		return writeJSON(a.stdout, doc)
	}
	return a.say("%s at version %s: %d entries, %d bytes, in %s", oneLine(answer.Node), found.Version, found.Entries, bytes, path)
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

// give gives a file that is whole its name, durably.
func give(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
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

// say prints a line for people.
func (a *app) say(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format+"\n", args...); err != nil {
		return failed("writing the answer: %w", err)
	}
	return nil
}
