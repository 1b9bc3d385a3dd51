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

// StartMemcached starts memcached with room for that many MiB.
func (shop *Workshop) StartMemcached(ctx context.Context, megabytes int) (*Process, error) {
	program, err := find("memcached")
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := strings.Cut(address, ":")
	args := []string{"-l", host, "-p", port, "-U", "0", "-m", strconv.Itoa(megabytes)}
	if os.Getuid() == 0 {
		args = append(args, "-u", "root") // it asks for a name
	}
	p, err := shop.start("memcached", address, program, nil, args...)
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, "it takes no connections", p.Answering)
}

// StartEtcd starts one etcd server, which has a JSON gateway and always flushes.
func (shop *Workshop) StartEtcd(ctx context.Context) (*Process, error) {
	program, err := find("etcd")
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	peers, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	p, err := shop.start("etcd", address, program, nil, "--data-dir", filepath.Join(shop.Dir, "etcd-"+strconv.Itoa(shop.started)),
		"--listen-client-urls", "http://"+address, "--advertise-client-urls", "http://"+address,
		"--listen-peer-urls", "http://"+peers, "--initial-advertise-peer-urls", "http://"+peers,
		"--initial-cluster", "default=http://"+peers, "--log-level", "error")
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, "it takes no writes", func(ctx context.Context) error {
		return p.Ask(ctx, load.HTTP, func(c *load.Connection) error {
			_, err := c.Exchange(load.Etcd.Put("ready", "yes", 0))
			return err
		})
	})
}

// natsBucket is what the NATS clients make of a key-value bucket "bench" in memory.
const natsBucket = `{"name":"KV_bench","subjects":["$KV.bench.>"],"max_msgs_per_subject":1,"discard":"new","allow_direct":true,` +
	`"allow_rollup_hdrs":true,"deny_delete":true,"storage":"memory","retention":"limits","num_replicas":1,` +
	`"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msg_size":-1}`

// StartNATS starts one NATS server with an empty key-value bucket.
func (shop *Workshop) StartNATS(ctx context.Context) (*Process, error) {
	program, err := find("nats-server")
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(shop.Dir, "nats-"+strconv.Itoa(shop.started))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "server.conf")
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q }\n", address, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := shop.start("nats-server", address, program, nil, "-c", config)
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, "it makes no bucket", func(ctx context.Context) error {
		return p.Ask(ctx, load.NATS, func(c *load.Connection) error {
			return NATSService(c, 0, "$JS.API.STREAM.CREATE.KV_bench", []byte(natsBucket))
		})
	})
}

// NATSService asks a service of the NATS server over the connection with that inbox.
func NATSService(c *load.Connection, inbox int, subject string, payload []byte) error {
	answer, err := c.Exchange(load.Publish(subject, load.Inbox(inbox), payload))
	if err == nil && strings.Contains(string(answer), `"error"`) {
		err = fmt.Errorf("%s: %w: %s", subject, load.ErrRefused, answer)
	}
	return err
}
