package configs

import (
	"slices"
	"time"
)

// Keys that the loader treats apart.
const (
	secretKey     = "auth.cluster_secret"
	secretFileKey = "auth.cluster_secret_file"

	credentialsKey     = "coordinator.zookeeper.credentials"
	credentialsFileKey = "coordinator.zookeeper.credentials_file"
)

// secretSetting is a secret that comes from the environment, or else from a file
// that another key names.
type secretSetting struct {
	key, fileKey string
	value        *Secret
	file         *string
	check        func(text string) error // never repeats the text
}

// secrets is the table of all secrets, which are in that of all keys too.
func (c *Config) secrets() []secretSetting {
	return []secretSetting{
		{secretKey, secretFileKey, &c.Auth.ClusterSecret, &c.Auth.ClusterSecretFile, checkSecret},
		{
			credentialsKey, credentialsFileKey, &c.Coordinator.ZooKeeper.Credentials, &c.Coordinator.ZooKeeper.CredentialsFile,
			checkCredentials,
		},
	}
}

// isSecret reports whether a key's value is a secret.
func isSecret(key string) bool {
	var config Config
	return slices.ContainsFunc(config.secrets(), func(s secretSetting) bool { return s.key == key })
}

// setting is one key: how its text is read into the field that it stands for.
type setting struct {
	key  string
	list bool // a YAML list is allowed; its items are joined by commas
	read func(text string) error
}

// settings is the table of all keys. Readers return an error that says what is
// allowed, and then leave the field as it is.
func (c *Config) settings() []setting {
	const long = 10 * time.Minute
	return []setting{
		{key: "tree.depth", read: number(&c.Tree.Depth, 1, 16)},
		{key: "tree.root", read: number(&c.Tree.Root, 1, 1<<16-1)},
		{key: "tree.startup_delay", read: duration(&c.Tree.StartupDelay, 0, long)},
		{key: "tree.root_url", read: template(&c.Tree.RootURL)},
		{key: "node.listen", read: template(&c.Node.Listen)},
		{key: "node.advertise", read: template(&c.Node.Advertise)},
		{key: "api.port", read: number(&c.API.Port, 1, 65535)},
		{key: "api.host_port_base", read: number(&c.API.HostPortBase, 0, 65534)},
		{key: "api.max_value_bytes", read: size(&c.API.MaxValueBytes, 1, 64<<20)},
		{key: "api.read_timeout", read: duration(&c.API.ReadTimeout, 100*time.Millisecond, long)},
		{key: "api.max_connections", read: number(&c.API.MaxConnections, 0, 1<<20)},
		{key: "client.url", read: template(&c.Client.URL)},
		{key: "coordinator.kind", read: oneOf(&c.Coordinator.Kind, CoordinatorEmbedded, CoordinatorZooKeeper)},
		{key: "coordinator.zookeeper.servers", list: true, read: servers(&c.Coordinator.ZooKeeper.Servers)},
		{key: "coordinator.zookeeper.namespace", read: namespace(&c.Coordinator.ZooKeeper.Namespace)},
		{key: "coordinator.zookeeper.session_timeout", read: duration(&c.Coordinator.ZooKeeper.SessionTimeout, 100*time.Millisecond, long)},
		{key: credentialsKey, read: secret(&c.Coordinator.ZooKeeper.Credentials, checkCredentials)},
		{key: credentialsFileKey, read: path(&c.Coordinator.ZooKeeper.CredentialsFile)},
		{key: "liveness.timeout", read: duration(&c.Liveness.Timeout, 10*time.Millisecond, long)},
		{key: "sync.schedule", read: expression(&c.Sync.Schedule)},
		{key: "sync.eager", read: boolean(&c.Sync.Eager)},
		{key: "sync.min_interval", read: duration(&c.Sync.MinInterval, 0, time.Hour)},
		{key: "sync.fanout", read: oneOf(&c.Sync.Fanout, FanoutDirect, FanoutTree)},
		{key: "sync.verify", read: expression(&c.Sync.Verify)},
		{key: "writes.offline", read: oneOf(&c.Writes.Offline, OfflineQueue, OfflineReject)},
		{key: "writes.queue_max_bytes", read: size(&c.Writes.QueueMaxBytes, 1<<10, 1<<40)},
		{key: "writes.timeout", read: duration(&c.Writes.Timeout, 10*time.Millisecond, long)},
		{key: "store.tombstone_retention", read: duration(&c.Store.TombstoneRetention, 100*time.Millisecond, 87600*time.Hour)},
		{key: "data.dir", read: path(&c.Data.Dir)},
		{key: "data.fsync", read: oneOf(&c.Data.Fsync, FsyncAlways, FsyncNever)},
		{key: secretKey, read: secret(&c.Auth.ClusterSecret, checkSecret)},
		{key: secretFileKey, read: path(&c.Auth.ClusterSecretFile)},
		{key: "log.level", read: oneOf(&c.Log.Level, "debug", "info", "warn", "error")},
		{key: "log.format", read: oneOf(&c.Log.Format, "text", "json")},
		{key: "deployment.subnet", read: subnet(&c.Deployment.Subnet)},
		{key: "deployment.base_image", read: image(&c.Deployment.BaseImage)},
		{key: "deployment.zookeeper_image", read: image(&c.Deployment.ZooKeeperImage)},
	}
}
