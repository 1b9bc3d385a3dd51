package main

import (
	"os"
	"runtime/debug"
)

// ballast is memory that is never touched: the collector counts it, the machine does not.
var ballast []byte

// tendGarbage sets when the garbage collector runs, unless the user has, by GOGC or
// GOMEMLIMIT. What a node holds is bytes without pointers, so that a collection costs
// little whatever it holds, and can come when a tenth was added instead of as much again:
// resident memory stays near what is in use. A tenth of a small heap would be next to
// nothing; the ballast makes it some megabytes more.
func tendGarbage() {
	const percent, ballastBytes = 10, 64 << 20
	_, often := os.LookupEnv("GOGC")
	_, limited := os.LookupEnv("GOMEMLIMIT")
	if often || limited || ballast != nil {
		return
	}
	ballast = make([]byte, ballastBytes)
	debug.SetGCPercent(percent)
}
