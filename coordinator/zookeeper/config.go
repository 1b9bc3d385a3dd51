package zookeeper

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"xylem/coordinator"
)

// DefaultNamespace is where everything of a tree is in ZooKeeper.
const DefaultNamespace = "/xylem"

// DefaultSessionTimeout is long enough for a pause of a busy machine.
const DefaultSessionTimeout = 4 * time.Second

// Config says who a node is and where ZooKeeper is. The functions are called from
// goroutines of the Coordinator and must not block, nor call its Serve, Save or HandOver.
type Config struct {
	// Self is this process. Required.
	Self coordinator.Member
	// Depth is the number of levels of the tree. Required.
	Depth int
	// ConfiguredRoot is k of the node that is the root by preference, 0 for none.
	ConfiguredRoot int
	// Servers are the ensemble's servers, host or host:port (2181 otherwise). At
	// least one is required. Names are looked up anew at every attempt.
	Servers []string
	// Namespace is below what path everything is. Default: DefaultNamespace.
	Namespace string
	// SessionTimeout is how long ZooKeeper waits for a sign of a node until it
	// counts as gone. Shorter notices the loss of a root sooner, longer survives
	// longer pauses. The servers bound it, usually to 2 to 20 times their
	// tickTime. Default: DefaultSessionTimeout.
	SessionTimeout time.Duration
	// Credentials are "user:password" of the digest scheme, empty for none. Never
	// logged.
	Credentials string
	// Holding says what this node holds as of now. Required.
	Holding func() Holding
	// Deliver takes the events, in order, from one goroutine. Required.
	Deliver func(Event)
	// Leased says until when this node may act as the candidate or root that it is,
	// and when the heartbeat began that says so: until then at least nobody else was.
	// By this process's monotonic clock. Required.
	Leased func(heard, until time.Time)
	// Logger gets what happens to the connection and the role, in words. Default:
	// slog.Default().
	Logger *slog.Logger
}

// Holding is what a node brings to an election.
type Holding struct {
	// Epoch and Seq are those of the applied version.
	Epoch, Seq uint64
	// Promised is the highest epoch that the node has accepted or promised.
	Promised uint64
	// Tree is the id of the tree whose state the node holds, or, where it holds none, one
	// drawn at random, in hexadecimal.
	Tree string
	// Fit says that the node can lead: its disk works.
	Fit bool
}

// check fills in defaults. The error wraps coordinator.ErrDepth, ErrOutsideTree or
// ErrIncomplete.
func (c *Config) check() error {
	tree, err := coordinator.NewPlacement(c.Depth)
	if err != nil {
		return err
	}
	if c.Self.ID < 1 || c.Self.ID > len(tree) {
		return fmt.Errorf("%s is not one of the %d nodes of %d levels: %w", c.Self.Name(), len(tree), c.Depth, coordinator.ErrOutsideTree)
	}
	if c.Namespace == "" {
		c.Namespace = DefaultNamespace
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = DefaultSessionTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	lacks := ""
	user, password, pair := strings.Cut(c.Credentials, ":")
	switch {
	case c.Self.Address == "" || c.Self.Instance == "":
		lacks = "an address and an instance of " + c.Self.Name()
	case len(c.Servers) == 0:
		lacks = "the address of a server"
	case c.SessionTimeout < 0:
		lacks = "a session time-out above 0"
	case !strings.HasPrefix(c.Namespace, "/") || strings.HasSuffix(c.Namespace, "/") || strings.Contains(c.Namespace, "//"):
		lacks = `a namespace such as "/xylem"`
	case c.Credentials != "" && (!pair || user == "" || password == ""):
		lacks = `credentials of the form "user:password", or none`
	case c.Holding == nil || c.Deliver == nil || c.Leased == nil:
		lacks = "Holding, Deliver and Leased"
	default:
		return nil
	}
	return fmt.Errorf("the zookeeper coordinator needs %s: %w", lacks, coordinator.ErrIncomplete)
}
