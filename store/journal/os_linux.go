package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sync is fdatasync: the bytes and the size, not the times.
func (f osFile) Sync() error {
	err := uninterrupted(func() error { return unix.Fdatasync(int(f.Fd())) })
	return os.NewSyscallError("fdatasync", err)
}
