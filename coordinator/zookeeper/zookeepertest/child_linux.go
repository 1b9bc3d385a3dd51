package zookeepertest

import "syscall"

// dieWithParent lets no server outlive a test process that was killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
