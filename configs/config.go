// Package configs holds the configuration of a tree: tree.yaml, and the typed,
// validated Config that is read from it, from XYLEM_ environment variables and
// from flags. A Config is made once, at the start, and is not changed after.
package configs

import (
	"net/netip"
	"time"
)

// Config is the validated configuration. What a section's field says about unit,
// default and trade-off stands in tree.yaml too, for those who do not read Go.
type Config struct {
	Tree        Tree
	Node        Node
	API         API
	Client      Client
	Coordinator Coordinator
	Liveness    Liveness
	Sync        Sync
	Writes      Writes
	Store       Store
	Data        Data
	Auth        Auth
	Log         Log
	Deployment  Deployment
}

// Tree is the shape of the tree and how it is started.
type Tree struct {
	// Depth is the number of levels, the root being level 1; the tree has
	// 2^Depth - 1 nodes. 1 to 16, default 3. Each level more doubles the nodes,
	// and adds a hop to the way of a write from a leaf to the root.
	Depth int
	// Root is the k of the configured root NODE-k, 1 to 2^Depth - 1, default 1.
	// Give it to the node with the best disk and network: it orders every write.
	Root int
	// StartupDelay is the time between starting one node and the next, the root
	// first. 0 to 10m, default 1s. With 0 nodes race for their positions (not in
	// `xylem up`, which keeps their order, and pauses less in a large tree); more gives a
	// predictable order and a slower start.
	StartupDelay time.Duration
	// RootURL is the template of the URL where nodes find the root with the
	// embedded coordinator. Default http://NODE-{root}:{api.port}, which needs
	// the names to resolve, as they do between containers. See Config.RootURL.
	RootURL string
}

// Node is how one node is reached.
type Node struct {
	// Listen is the template of the host:port that `xylem node` binds. Default
	// :{api.port}, every interface; 127.0.0.1:{api.port} keeps others out.
	Listen string
	// Advertise is the template of the URL under which other nodes reach this
	// one. Default http://NODE-{id}:{api.port}. Set it per node where names do
	// not resolve, as with bare addresses.
	Advertise string
}

// API is the HTTP interface of a node.
type API struct {
	// Port is the TCP port of every node inside its container. 1 to 65535,
	// default 5000.
	Port int
	// HostPortBase is what is added to k for the port of NODE-k on the host.
	// 0 to 65535 less the number of nodes, default 5000: NODE-1 is at 5001.
	HostPortBase int
	// MaxValueBytes is the size of the largest value, as JSON, in bytes. 1 to
	// 64 MiB, default 1 MiB. Every node holds every value in memory, and a big
	// one delays the push that it is part of. The same on every node.
	MaxValueBytes int
	// ReadTimeout is how long a client may take to send a whole request. 100ms
	// to 10m, default 10s. It bounds what slow clients, and those that are slow
	// on purpose, can hold; too short, it cuts off large values on slow links.
	ReadTimeout time.Duration
	// MaxConnections is how many connections a node serves at a time; more are
	// refused. 0 to 1048576, default 0: the HTTP server's own limit of 262144.
	MaxConnections int
}

// Client is how the command line reaches nodes.
type Client struct {
	// URL is the template by which a node becomes a URL. Default
	// http://localhost:{host_port}, which suits the host of the containers;
	// http://NODE-{id}:{api.port} suits a container beside them.
	URL string
}

// The kinds of Coordinator.Kind.
const (
	CoordinatorEmbedded  = "embedded"
	CoordinatorZooKeeper = "zookeeper"
)

// Coordinator is who keeps the members and their places.
type Coordinator struct {
	// Kind is CoordinatorEmbedded (default): the root keeps the members, nothing
	// is to be installed, a lost root must come back; or CoordinatorZooKeeper:
	// the root is replaced when it is lost, and a ZooKeeper has to be run.
	Kind string
	// ZooKeeper counts only when Kind is CoordinatorZooKeeper.
	ZooKeeper ZooKeeper
}

// ZooKeeper is the ensemble that coordinates.
type ZooKeeper struct {
	// Servers are its host:port pairs (the port may be left out: 2181). Default
	// none; at least one with CoordinatorZooKeeper. Three or five survive the
	// loss of one or two.
	Servers []string
	// Namespace is the path under which everything of this tree lies, beginning
	// with a slash. Default /xylem. Two trees on one ensemble need two.
	Namespace string
	// SessionTimeout is how long ZooKeeper waits for a sign of a member. 100ms
	// to 10m, default 4s; the servers bound it to 2 to 20 of their ticks. Short
	// replaces a lost root sooner, and gives up a root that merely paused.
	SessionTimeout time.Duration
	// Credentials are what the servers know this tree by, as "user:password": with
	// them only this user may read and change what is in the namespace. Default
	// none: whoever reaches the servers may. As
	// Auth.ClusterSecret they come from XYLEM_COORDINATOR_ZOOKEEPER_CREDENTIALS, or
	// else from CredentialsFile.
	Credentials Secret
	// CredentialsFile is the path of a file that holds them; one newline at its end
	// is not part of them. Default none.
	CredentialsFile string
}

// Liveness is when a node counts as dead.
type Liveness struct {
	// Timeout is how long a node may give no sign. 10ms to 10m, default 1s.
	// Short moves its children to another parent sooner; shorter than a
	// collector's pause or a lost packet, it moves them needlessly.
	Timeout time.Duration
}

// The kinds of Sync.Fanout.
const (
	FanoutDirect = "direct"
	FanoutTree   = "tree"
)

// Sync is how changes are pushed to the nodes.
type Sync struct {
	// Schedule is when the root pushes to every node: a cron expression, with or
	// without seconds, or @every. Default @every 5s. Often means less lag when
	// Eager is off and dead nodes are noticed sooner; seldom, fewer heartbeats.
	// Here it is only seen not to be empty; the node reads it.
	Schedule string
	// Eager also pushes as soon as something was written. Default true. Off, a
	// node is stale for up to the schedule, and the root sends less.
	Eager bool
	// MinInterval is the least time between two pushes to one node. 0 to 1h,
	// default 0: as soon as it answered the last, and 1 ms after that began where
	// more was written meanwhile. More gathers more writes into
	// a push, each key once, for that much more lag.
	MinInterval time.Duration
	// Fanout is FanoutDirect (default): the root sends to every node, one hop
	// of lag, at a cost that grows with the nodes; or FanoutTree: each node sends
	// to those below it, the root's cost stays, each level adds a hop. The same
	// for all nodes of a tree.
	Fanout string
	// Verify is when a node recomputes its digest from what it really stores: a
	// cron expression. Default @every 10m. Often finds damage sooner and costs a
	// walk over all entries each time. Only seen not to be empty, as Schedule.
	Verify string
}

// The kinds of Writes.Offline.
const (
	OfflineQueue  = "queue"
	OfflineReject = "reject"
)

// Writes is what happens to writes on their way to the root.
type Writes struct {
	// Offline is OfflineQueue (default): a write that cannot reach the root is
	// kept on this node's disk and answered 202; or OfflineReject: 503.
	Offline string
	// QueueMaxBytes bounds that queue, in bytes. 1 KiB to 1 TiB, default 256 MiB;
	// when it is full writes get 507. More bridges longer outages and takes disk.
	QueueMaxBytes int64
	// Timeout is how long a forwarded write may take before its outcome counts
	// as unknown. 10ms to 10m, default 1s. Short answers sooner when a node
	// hangs, and gives up writes that were about to be answered.
	Timeout time.Duration
}

// Store is what a node holds in memory.
type Store struct {
	// TombstoneRetention is how long the mark of a delete is kept. 100ms to
	// 87600h (ten years), default 24h. A node that was away for longer gets a
	// snapshot, and a write queued before an older delete may undo it; marks
	// take memory.
	TombstoneRetention time.Duration
}

// The kinds of Data.Fsync.
const (
	FsyncAlways = "always"
	FsyncNever  = "never"
)

// Data is what a node keeps on disk.
type Data struct {
	// Dir is the directory of the journal. Default none: `xylem node` needs one,
	// `xylem up` makes a temporary one and removes it when it ends.
	Dir string
	// Fsync is FsyncAlways (default): a write is on the disk before it is
	// answered; or FsyncNever: flushing is left to the operating system, which
	// is faster and survives a kill, not a power cut.
	Fsync string
}

// Auth is how nodes prove that they belong to the tree.
type Auth struct {
	// ClusterSecret is shared by all nodes, at least MinSecretBytes long. Default
	// none: `xylem node` does not start without one, `xylem up` makes one. Never
	// in a file that is committed, and so refused in the YAML file: it comes from
	// XYLEM_AUTH_CLUSTER_SECRET, or else from ClusterSecretFile.
	ClusterSecret Secret
	// ClusterSecretFile is the path of a file that holds the secret; one newline
	// at its end is not part of it. Default none. A file stays out of the
	// process's environment, which others on the host may be able to read.
	ClusterSecretFile string
}

// Log is what a node tells about itself, on standard error.
type Log struct {
	// Level is the least severe level that is shown: debug, info (default), warn
	// or error.
	Level string
	// Format is text (default), for people, or json, for what collects logs.
	Format string
}

// Deployment is what the deployments in containers need to know beside the rest. The
// binary itself does nothing with it.
type Deployment struct {
	// Subnet is the network of the containers that Vagrant starts, IPv4. Default
	// 10.0.1.0/24: room for a tree of depth 7. ZooKeeper has its address 2, the
	// command line 3, NODE-k 10 + k.
	Subnet netip.Prefix
	// BaseImage is the image on which those with a Debian in them are built. Default
	// debian:bookworm-slim; where it cannot be had, one is made with debootstrap.
	BaseImage string
	// ZooKeeperImage is the image of the ZooKeeper that is started beside the nodes.
	// Default xylem/zookeeper, which is built here; zookeeper:3.9 does too.
	ZooKeeperImage string
}

// Default returns the configuration that holds where nothing is configured.
// It is the only place where defaults are made; tree.yaml repeats them.
func Default() Config {
	return Config{
		Tree: Tree{Depth: 3, Root: 1, StartupDelay: time.Second, RootURL: "http://NODE-{root}:{api.port}"},
		Node: Node{Listen: ":{api.port}", Advertise: "http://NODE-{id}:{api.port}"},
		API:  API{Port: 5000, HostPortBase: 5000, MaxValueBytes: 1 << 20, ReadTimeout: 10 * time.Second},
		Client: Client{
			URL: "http://localhost:{host_port}",
		},
		Coordinator: Coordinator{
			Kind:      CoordinatorEmbedded,
			ZooKeeper: ZooKeeper{Namespace: "/xylem", SessionTimeout: 4 * time.Second},
		},
		Liveness: Liveness{Timeout: time.Second},
		Sync:     Sync{Schedule: "@every 5s", Eager: true, Fanout: FanoutDirect, Verify: "@every 10m"},
		Writes:   Writes{Offline: OfflineQueue, QueueMaxBytes: 256 << 20, Timeout: time.Second},
		Store:    Store{TombstoneRetention: 24 * time.Hour},
		Data:     Data{Fsync: FsyncAlways},
		Log:      Log{Level: "info", Format: "text"},
		Deployment: Deployment{
			Subnet: netip.MustParsePrefix("10.0.1.0/24"), BaseImage: "debian:bookworm-slim", ZooKeeperImage: "xylem/zookeeper",
		},
	}
}
