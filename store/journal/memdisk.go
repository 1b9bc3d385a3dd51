package journal

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// ErrPowerOff is what a MemDisk answers from the operation that PowerOffAfter chose on, until Crash, and what files and
// locks from before a Crash or Kill answer for ever.
var ErrPowerOff = errors.New("the disk has no power")

// MemDisk is a file system in memory that can lose its power, its space and its health as a real one does, for
// simulations. It draws on nothing but its source of random numbers, so that a seed replays what happened.
// It may be used by several goroutines.
type MemDisk struct {
	mu        sync.Mutex
	rand      *rand.Rand
	files     map[string]*memFile // what is seen now
	durable   map[string]*memFile // the names that a Crash leaves for sure
	pending   []rename            // not in durable yet, in order
	locks     map[string]bool
	boot      int   // counts Crash and Kill; what was opened before is dead
	free      int64 // bytes; negative: without bound
	countdown int   // operations until the power goes off; negative: never
	off       bool
	failSync  error
	failWrite error
	count     int
}

// rename is a change of names: from goes away, when not empty, and to becomes file, when not empty.
type rename struct {
	from, to string
	file     *memFile
}

// NewMemDisk makes an empty disk without bound.
func NewMemDisk(rand *rand.Rand) *MemDisk {
	return &MemDisk{
		rand: rand, free: -1, countdown: -1,
		files: map[string]*memFile{}, durable: map[string]*memFile{}, locks: map[string]bool{},
	}
}

// Crash loses the power and has it come back. Of what was written to each file and not synced, a random prefix is left,
// whose last bytes may be garbled, or all but a hole. Each creation, renaming and removal that SyncDir has not made
// durable has happened or not. Locks are free again.
func (d *MemDisk) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, change := range d.pending {
		if d.rand.IntN(2) == 0 {
			change.apply(d.durable)
		}
	}
	d.pending = nil
	d.files = maps.Clone(d.durable)
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		d.files[path].crash(d.rand)
	}
	d.restart()
}

// Kill ends the process that used the disk and nothing else: what was written is there, and locks are free again.
func (d *MemDisk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restart()
}

func (d *MemDisk) restart() {
	clear(d.locks)
	d.boot++
	d.off, d.countdown = false, -1
	d.failSync, d.failWrite = nil, nil
}

// PowerOffAfter lets n further operations that change something succeed. The next one happens or not, at random, and
// it and all that follow answer ErrPowerOff until Crash.
func (d *MemDisk) PowerOffAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.countdown = n
}

// FailNextSync makes the next sync of a file fail with err. As on a real system, what it was to make durable is then
// held for durable by later syncs, and is not; only writing it again helps.
func (d *MemDisk) FailNextSync(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failSync = err
}

// FailNextWrite makes the next write fail with err after a random part of it.
func (d *MemDisk) FailNextWrite(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failWrite = err
}

// SetFree sets how many bytes files may grow by until writes fail with ENOSPC; negative: without bound. What is cut
// off and removed is free again.
func (d *MemDisk) SetFree(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = bytes
}

// Used is the size of all files, in bytes.
func (d *MemDisk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var used int64
	for _, file := range d.files {
		used += int64(len(file.data))
	}
	return used
}

// Operations counts the operations that change something, since NewMemDisk.
func (d *MemDisk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// begin is called at the start of each operation that changes something. It says whether to do it and what to answer.
func (d *MemDisk) begin() (do bool, err error) {
	switch {
	case d.off:
		return false, ErrPowerOff
	case d.countdown == 0:
		d.off = true
		return d.rand.IntN(2) == 0, ErrPowerOff
	case d.countdown > 0:
		d.countdown--
	}
	d.count++
	return true, nil
}

func (c rename) apply(names map[string]*memFile) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.file
	}
}

func (d *MemDisk) change(c rename) {
	if old := d.files[c.to]; old != nil {
		d.release(int64(len(old.data)))
	}
	c.apply(d.files)
	d.pending = append(d.pending, c)
}

// release gives bytes back to what is free.
func (d *MemDisk) release(bytes int64) {
	if d.free >= 0 {
		d.free += bytes
	}
}
