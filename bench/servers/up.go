package servers

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"xylem/client"
)

// StartUp starts a tree of that depth in one process, as `xylem up` does, and waits
// until all its nodes are equal. The root is the tree's only Member.
func (shop *Workshop) StartUp(ctx context.Context, depth int, sets ...string) (*Tree, error) {
	nodes := 1<<depth - 1
	base, err := freePorts(nodes)
	if err != nil {
		return nil, err
	}
	t := &Tree{shop: shop, Dir: filepath.Join(shop.Dir, "up-"+strconv.Itoa(shop.started)), size: nodes}
	args := []string{
		"up", "--depth", strconv.Itoa(depth), "--host-port-base", strconv.Itoa(base), "--startup-delay", "0s",
		"--data-dir", t.Dir, "--log-level", "warn",
	}
	for _, set := range sets {
		args = append(args, "--set", set)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(base+1))
	p, err := shop.start(fmt.Sprintf("up-%d", nodes), address, shop.binary, nil, args...)
	if err != nil {
		return nil, err
	}
	m := &Member{Process: p, Client: client.New("http://"+address, client.WithTimeout(10*time.Second))}
	t.Members, t.Root, t.Leaf = []*Member{m}, m, m
	return t, t.Settle(ctx)
}

// freePorts is a number behind which that many ports follow at which nobody listens.
func freePorts(count int) (int, error) {
	const first, last, step = 10_000, 30_000, 500 // below those that the system gives out
	for base := first; base+count < last; base += step {
		if free(base, count) {
			return base, nil
		}
	}
	return 0, fmt.Errorf("there are no %d free ports in a row between %d and %d", count, first, last)
}

func free(base, count int) bool {
	for port := base + 1; port <= base+count; port++ {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
