package journal

import "io"

// FS is the little of a file system that a journal needs. Names are paths. OS is the real one, MemDisk one that can
// lose its power.
type FS interface {
	// MkdirAll makes a directory and those above it that are missing, durably.
	MkdirAll(dir string) error
	// Lock takes the file as a lock, without waiting, until the Closer is closed or the process ends. It returns an
	// error that wraps ErrLocked when it is taken.
	Lock(path string) (io.Closer, error)
	// List returns the names of the files in a directory, in any order.
	List(dir string) ([]string, error)
	// Create makes an empty file, or empties the one that is there. Its name is durable after SyncDir only.
	Create(path string) (File, error)
	// Open opens a file that is there, for reading and writing.
	Open(path string) (File, error)
	// Rename gives a file another name, in place of the file that had it. It is atomic, and durable after SyncDir.
	Rename(from, to string) error
	// Remove removes a file, durably after SyncDir.
	Remove(path string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
}

// File is an open file. What was written to it and its size are durable after Sync. Calls are made by one goroutine at
// a time, except that another may be in Sync, which then stands for what was written before it began.
type File interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}
