package journal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentPrefix    = "log-"
	checkpointPrefix = "state-"
	unfinishedSuffix = ".new"
	numberDigits     = 20
)

// inventory is which files are in the directory.
type inventory struct {
	checkpoint uint64   // the newest one's number, 0 when there is none
	segments   []uint64 // from the first that the checkpoint does not stand for, continuous, in order
	unfinished []string // of which writing ended before they got their names
}

func segmentName(number uint64) string {
	return fmt.Sprintf("%s%0*d", segmentPrefix, numberDigits, number)
}

func checkpointName(number uint64) string {
	return fmt.Sprintf("%s%0*d", checkpointPrefix, numberDigits, number)
}

// numberOf returns the number in a file's name; ok says whether the name is one with this prefix.
func numberOf(name, prefix string) (number uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || len(digits) != numberDigits {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil && number > 0
}

// sortNames divides a directory's files. What the checkpoint stands for, and names that are not a journal's, are left
// out.
func sortNames(names []string) inventory {
	var found inventory
	for _, name := range names {
		if number, ok := numberOf(name, checkpointPrefix); ok {
			found.checkpoint = max(found.checkpoint, number)
		}
	}
	for _, name := range names {
		segment, isSegment := numberOf(name, segmentPrefix)
		base, isUnfinished := strings.CutSuffix(name, unfinishedSuffix)
		switch {
		case isSegment && segment >= found.checkpoint:
			found.segments = append(found.segments, segment)
		case isUnfinished && (strings.HasPrefix(base, segmentPrefix) || strings.HasPrefix(base, checkpointPrefix)):
			found.unfinished = append(found.unfinished, name)
		}
	}
	slices.Sort(found.segments)
	slices.Sort(found.unfinished)
	return found
}

// takeInventory lists the directory, checks that no segment is missing and removes what was never finished.
func (j *Journal) takeInventory() error {
	names, err := j.fs.List(j.dir)
	if err != nil {
		return err
	}
	j.found = sortNames(names)
	want := max(j.found.checkpoint, 1)
	if j.found.checkpoint > 0 && len(j.found.segments) == 0 {
		return j.damaged(segmentName(want), 0, "the file is missing")
	}
	for _, number := range j.found.segments {
		if number != want {
			return j.damaged(segmentName(want), 0, "the file is missing, %s is there", segmentName(number))
		}
		want++
	}
	for _, name := range j.found.unfinished {
		if err := j.fs.Remove(j.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// removeBefore removes the segments and checkpoints that the checkpoint of this number stands for. What it cannot
// remove is obsolete all the same, and the next call tries again.
func (j *Journal) removeBefore(number uint64) {
	names, err := j.fs.List(j.dir)
	if err != nil {
		return
	}
	slices.Sort(names)
	for _, name := range names {
		segment, isSegment := numberOf(name, segmentPrefix)
		checkpoint, isCheckpoint := numberOf(name, checkpointPrefix)
		if isSegment && segment < number || isCheckpoint && checkpoint < number {
			_ = j.fs.Remove(j.path(name))
		}
	}
}
