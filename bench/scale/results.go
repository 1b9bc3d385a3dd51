package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// same reports whether two runs were of the same tree.
func (r *result) same(other *result) bool {
	return r.Place == other.Place && r.Fanout == other.Fanout && r.Depth == other.Depth && r.Loss == other.Loss && r.Liveness == other.Liveness
}

// settings are those with which a result was measured.
func (r *result) settings(cost time.Duration) settings {
	p, _ := placeOf(r.Place)
	s := defaults(r.Depth, r.Fanout == "tree", p)
	s.loss, s.cost, s.liveness = r.Loss, cost, time.Duration(r.Liveness*float64(time.Second))
	return s
}

// read reads the results in a file; none where there is no file.
func read(name string) ([]result, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var results []result
	return results, json.Unmarshal(text, &results)
}

// keep adds a result to those in a file, in place of one of the same tree.
func keep(name string, r result) error {
	results, err := read(name)
	if err != nil {
		return err
	}
	results = slices.DeleteFunc(results, func(other result) bool { return other.same(&r) })
	results = append(results, r)
	text, err := json.MarshalIndent(results, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
