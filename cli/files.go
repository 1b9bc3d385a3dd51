package main

import (
	"syscall"

	"xylem/configs"
)

const (
	// filesPerNode is how many files a node of `xylem up` has open: its listener, its journal and the lock of that, and
	// both ends of three connections, on which the root pushes to it and it speaks to the root and to its parent.
	filesPerNode = 9
	// sparedFiles are for clients, for journals that are compacted, and for what every process has open.
	sparedFiles = 64
)

// enoughFiles refuses a tree for which this process may not open enough files. That is better said before the first
// node starts than by whichever of them comes to the limit. What counts is the hard limit: Go raises the soft one to it
// when the process starts.
func enoughFiles(cfg configs.Config) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil // then the limit is met when it is met
	}
	return filesWithin(cfg.Nodes(), uint64(limit.Cur))
}

// filesWithin is enoughFiles under a limit.
func filesWithin(nodes int, limit uint64) error {
	need := uint64(nodes*filesPerNode + sparedFiles)
	if need <= limit {
		return nil
	}
	return failed("%d nodes in one process take some %d open files, and it may have %d: raise that (`ulimit -n %d`, or a hard "+
		"limit that allows it), or lower tree.depth", nodes, need, limit, need)
}
