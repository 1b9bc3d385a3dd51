package journal

import (
	"io"
	"syscall"
)

// memHandle is an open memFile.
type memHandle struct {
	disk *MemDisk
	file *memFile
	boot int
	shut bool
}

func (h *memHandle) dead() error {
	switch {
	case h.shut:
		return syscall.EBADF
	case h.disk.off || h.disk.boot != h.boot:
		return ErrPowerOff
	}
	return nil
}

// begin is MemDisk.begin for an operation that changes the file.
func (h *memHandle) begin() (do bool, err error) {
	if err := h.dead(); err != nil {
		return false, err
	}
	return h.disk.begin()
}

func (h *memHandle) ReadAt(b []byte, at int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.dead(); err != nil {
		return 0, err
	}
	if at >= int64(len(h.file.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.file.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memHandle) WriteAt(b []byte, at int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	do, err := h.begin()
	if !do {
		return 0, err
	}
	if fault := h.disk.failWrite; fault != nil && err == nil {
		h.disk.failWrite = nil
		b, err = b[:h.disk.rand.IntN(len(b)+1)], fault
	}
	grows := max(0, at+int64(len(b))-int64(len(h.file.data)))
	if free := h.disk.free; free >= 0 && grows > free {
		b = b[:max(0, int64(len(b))-(grows-free))]
		grows, err = min(grows, free), syscall.ENOSPC
	}
	if h.disk.free >= 0 {
		h.disk.free -= grows
	}
	h.file.write(b, int(at))
	return len(b), err
}

func (h *memHandle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return int64(len(h.file.data)), h.dead()
}

func (h *memHandle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	do, err := h.begin()
	if do {
		h.disk.release(int64(len(h.file.data)) - size)
		h.file.truncate(int(size))
	}
	return err
}

func (h *memHandle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	do, err := h.begin()
	if fault := h.disk.failSync; fault != nil && err == nil {
		h.disk.failSync = nil
		h.file.failSync()
		return fault
	}
	if do {
		h.file.sync()
	}
	return err
}

func (h *memHandle) Close() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.shut = true
	return nil
}
