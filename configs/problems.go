package configs

import (
	"errors"
	"fmt"
)

// ErrInvalid is what every error of Load is: something that whoever wrote the
// configuration has to put right.
var ErrInvalid = errors.New("invalid configuration")

// problem is one thing that is wrong, and where.
type problem struct{ place, text string }

// Error names the place first, as compilers do.
func (p problem) Error() string { return p.place + ": " + p.text }

// Unwrap makes every problem an ErrInvalid.
func (p problem) Unwrap() error { return ErrInvalid }

// problems gathers what is wrong, so that all of it is reported at once.
type problems []error

func (p *problems) add(place, text string) { *p = append(*p, problem{place, text}) }

// err is all problems, one a line under a heading, or nil.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("%w\n%w", ErrInvalid, errors.Join(p...))
}
