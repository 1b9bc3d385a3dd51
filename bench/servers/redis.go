package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"xylem/bench/load"
)

// StartRedis starts a Redis server that keeps nothing on the disk, unless args,
// which are its options, say otherwise.
func (shop *Workshop) StartRedis(ctx context.Context, name string, args ...string) (*Process, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	return shop.startRedisAt(ctx, name, address, args...)
}

func (shop *Workshop) startRedisAt(ctx context.Context, name, address string, args ...string) (*Process, error) {
	program, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(shop.Dir, "redis-"+strconv.Itoa(shop.started))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	args = append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
		"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-diskless-load", "on-empty-db",
	}, args...)
	p, err := shop.start(name, address, program, nil, args...)
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, "it does not answer", func(ctx context.Context) error {
		return p.Ask(ctx, load.Redis, func(c *load.Connection) error {
			_, err := c.Exchange(load.RedisCommand("PING"))
			return err
		})
	})
}

// StartRedisTree starts Redis servers as a binary tree: each replicates from the one
// that would be its parent. The first is the master.
func (shop *Workshop) StartRedisTree(ctx context.Context, depth int) (Group, error) {
	var all Group
	for position := 1; position < 1<<depth; position++ {
		var args []string
		if position > 1 {
			args = ReplicaOf(all[position/2-1].Address)
		}
		p, err := shop.StartRedis(ctx, fmt.Sprintf("redis-%d", position), args...)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
		if position > 1 {
			if err := p.Await(ctx, "it has not caught up", p.Linked); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// ReplicaOf is the option that makes a server copy the one at that address.
func ReplicaOf(address string) []string {
	host, port, _ := strings.Cut(address, ":")
	return []string{"--replicaof", host + " " + port}
}

// Linked reports whether a replica has its master's state and follows it.
func (p *Process) Linked(ctx context.Context) error {
	state, err := p.RedisInfo(ctx, "replication", "master_link_status")
	if err == nil && state != "up" {
		err = fmt.Errorf("its link to the master is %q", state)
	}
	return err
}

// RedisInfo is a field of a section of what a server says of itself.
func (p *Process) RedisInfo(ctx context.Context, section, field string) (value string, err error) {
	err = p.Ask(ctx, load.Redis, func(c *load.Connection) error {
		text, err := c.Exchange(load.RedisCommand("INFO", section))
		if err != nil {
			return err
		}
		_, rest, found := strings.Cut("\r\n"+string(text), "\r\n"+field+":")
		if !found {
			return fmt.Errorf("%s: INFO %s has no %s", p.Name, section, field)
		}
		value, _, _ = strings.Cut(rest, "\r\n")
		return nil
	})
	return value, err
}
