// Package configs holds the configuration of a tree: tree.yaml and the typed, validated Config read from it.
package configs

// Config is the validated configuration.
type Config struct{}
