package zookeeper

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"
)

// prepare makes the nodes that are always there, once for every session.
func (r *run) prepare() error {
	if r.prepared {
		return nil
	}
	if r.Credentials != "" && !r.authorized {
		// The library says it again on every later connection, before anything else.
		_, err := call(r.ctx, r.session, func(c *zk.Conn) (struct{}, error) {
			return struct{}{}, c.AddAuth("digest", []byte(r.Credentials))
		})
		if err != nil {
			return fmt.Errorf("say who this is: %w", err)
		}
		r.authorized = true
	}
	// What is above the namespace is not this tree's alone.
	var above []string
	for name := path.Dir(r.Namespace); name != "/"; name = path.Dir(name) {
		above = append(above, name)
	}
	slices.Reverse(above)
	for _, name := range above {
		if err := r.ensure(name, "", zk.WorldACL(zk.PermAll)); err != nil {
			return err
		}
	}
	for _, name := range []string{r.Namespace, r.paths.members, r.paths.placement, r.paths.handover, r.paths.tree, r.paths.treeID} {
		if err := r.ensure(name, "", r.acl); err != nil {
			return err
		}
	}
	if err := r.ensure(r.paths.epoch, "0", r.acl); err != nil {
		return err
	}
	r.prepared = true
	return nil
}

// ensure makes a node unless it is there.
func (r *run) ensure(name, data string, acl []zk.ACL) error {
	there, err := call(r.ctx, r.session, func(c *zk.Conn) (bool, error) {
		there, _, err := c.Exists(name)
		return there, err
	})
	if err != nil || there {
		return err
	}
	if err := r.session.create(r.ctx, name, []byte(data), 0, acl); !errors.Is(err, zk.ErrNodeExists) {
		return err
	}
	return nil
}

// accessFor is who may do what with the nodes.
func accessFor(credentials string) []zk.ACL {
	if user, password, found := strings.Cut(credentials, ":"); found {
		return zk.DigestACL(zk.PermAll, user, password)
	}
	return zk.WorldACL(zk.PermAll)
}
