package journal

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
)

// MkdirAll does nothing: a directory is there when a file in it is.
func (d *MemDisk) MkdirAll(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.begin()
	return err
}

// Lock locks until Close, Crash or Kill.
func (d *MemDisk) Lock(path string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrPowerOff
	}
	if d.locks[path] {
		return nil, ErrLocked
	}
	d.locks[path] = true
	return &memLock{disk: d, path: path, boot: d.boot}, nil
}

type memLock struct {
	disk *MemDisk
	path string
	boot int
}

func (l *memLock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if l.disk.boot == l.boot {
		delete(l.disk.locks, l.path)
	}
	return nil
}

// List returns the names in a directory, sorted.
func (d *MemDisk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrPowerOff
	}
	var names []string
	for path := range d.files {
		if filepath.Dir(path) == filepath.Clean(dir) {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create makes or empties a file.
func (d *MemDisk) Create(path string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, err := d.begin()
	if do {
		if old := d.files[path]; old != nil {
			d.release(int64(len(old.data)))
			old.truncate(0)
		} else {
			d.change(rename{to: path, file: &memFile{}})
		}
	}
	if err != nil {
		return nil, err
	}
	return &memHandle{disk: d, file: d.files[path], boot: d.boot}, nil
}

// Open opens a file that is there.
func (d *MemDisk) Open(path string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.off:
		return nil, ErrPowerOff
	case d.files[path] == nil:
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return &memHandle{disk: d, file: d.files[path], boot: d.boot}, nil
}

// Rename renames a file.
func (d *MemDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, err := d.begin()
	if do {
		file := d.files[from]
		if file == nil {
			return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
		}
		d.change(rename{from: from, to: to, file: file})
	}
	return err
}

// Remove removes a file.
func (d *MemDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, err := d.begin()
	if do {
		file := d.files[path]
		if file == nil {
			return fmt.Errorf("remove %s: %w", path, fs.ErrNotExist)
		}
		d.release(int64(len(file.data)))
		d.change(rename{from: path})
	}
	return err
}

// SyncDir makes the names in a directory durable.
func (d *MemDisk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, err := d.begin()
	if do {
		d.pending = slices.DeleteFunc(d.pending, func(c rename) bool {
			name := c.to
			if name == "" {
				name = c.from
			}
			inDir := filepath.Dir(name) == filepath.Clean(dir)
			if inDir {
				c.apply(d.durable)
			}
			return inDir
		})
	}
	return err
}
