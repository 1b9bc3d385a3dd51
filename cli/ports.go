package main

import (
	"errors"
	"net"
	"strconv"
	"syscall"

	"xylem/configs"
)

// bindAll takes the ports of all nodes on loopback before any node starts, so that a port that is taken is noticed
// while nothing has happened yet. The listener of NODE-k is at index k-1.
func bindAll(cfg configs.Config) ([]net.Listener, error) {
	listeners := make([]net.Listener, 0, cfg.Nodes())
	for k := 1; k <= cfg.Nodes(); k++ {
		port := cfg.API.HostPortBase + k
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			closeAll(listeners)
			return nil, portError(cfg, k, port, err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

func portError(cfg configs.Config, k, port int, err error) error {
	const change = "choose others with api.host_port_base (XYLEM_API_HOST_PORT_BASE, --host-port-base), now %d"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return failed("port %d, for %s, is taken: stop what has it (another `xylem up`? or a connection, if the port is over 32767), or "+change,
			port, cfg.NodeName(k), cfg.API.HostPortBase)
	case errors.Is(err, syscall.EACCES):
		return failed("port %d, for %s, may not be used by this user: "+change, port, cfg.NodeName(k), cfg.API.HostPortBase)
	}
	return failed("port %d, for %s: %w", port, cfg.NodeName(k), err)
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		listener.Close()
	}
}
