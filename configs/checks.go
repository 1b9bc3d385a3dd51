package configs

import (
	"errors"
	"fmt"
	"strconv"
)

// relation is what a key's value must be to others.
type relation struct {
	key, value string
	needs      []string // other keys that the check rests on
	check      func() error
}

// checks is the table of relations between keys.
func (c Config) checks() []relation {
	ports := []string{"tree.depth", "tree.root", "api.port", "api.host_port_base"}
	return []relation{
		{"tree.root", strconv.Itoa(c.Tree.Root), []string{"tree.depth"}, func() error {
			if c.Tree.Root > c.Nodes() {
				return fmt.Errorf("allowed is 1 to %d, the nodes of a tree of depth %d", c.Nodes(), c.Tree.Depth)
			}
			return nil
		}},
		{"api.host_port_base", strconv.Itoa(c.API.HostPortBase), []string{"tree.depth"}, func() error {
			if most := 65535 - c.Nodes(); c.API.HostPortBase > most {
				return fmt.Errorf("allowed is 0 to %d, so that each of %d nodes gets a port", most, c.Nodes())
			}
			return nil
		}},
		{
			"coordinator.zookeeper.servers", "",
			[]string{"coordinator.kind"},
			func() error {
				if c.Coordinator.Kind == CoordinatorZooKeeper && len(c.Coordinator.ZooKeeper.Servers) == 0 {
					return errors.New("at least one host:port is needed when coordinator.kind is zookeeper")
				}
				return nil
			},
		},
		{"tree.root_url", c.Tree.RootURL, ports, func() error { return checkURL(c.RootURL()) }},
		{"node.listen", c.Node.Listen, ports, c.forAll(func(k int) error { return checkListen(c.ListenAddress(k)) })},
		{"node.advertise", c.Node.Advertise, ports, c.forAll(func(k int) error { return checkURL(c.AdvertiseURL(k)) })},
		{"client.url", c.Client.URL, ports, c.forAll(func(k int) error { return checkURL(c.ClientURL(k)) })},
	}
}

// forAll holds check against the first and the last node; those between are
// in between in all that a template can say of them.
func (c Config) forAll(check func(k int) error) func() error {
	return func() error {
		if err := check(1); err != nil {
			return err
		}
		return check(c.Nodes())
	}
}
