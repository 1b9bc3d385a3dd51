//go:build !linux

package zookeepertest

import "syscall"

// dieWithParent does nothing: what the test process started outlives it when it
// is killed.
func dieWithParent() *syscall.SysProcAttr { return nil }
