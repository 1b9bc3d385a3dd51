// Package api is the description of a node's HTTP interface: openapi.yaml, and
// the JSON that a node serves of it.
package api

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openAPI []byte

// rootOnly marks, in openapi.yaml, what is in the root's document only. It
// stays there for the reader to see.
const rootOnly = "x-root-only"

// ErrYAML is wrapped when openapi.yaml cannot be read or holds what JSON cannot
// say.
var ErrYAML = errors.New("openapi.yaml is not JSON in YAML")

// parsed is openapi.yaml, read once. It is not changed.
var parsed = sync.OnceValues(func() (*yaml.Node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(openAPI, &document); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrYAML, err)
	}
	return document.Content[0], nil
})

// Server is one address at which the interface is found.
type Server struct {
	URL         string `json:"url"`
	Description string `json:"description"`
}

// Document is the OpenAPI document as JSON, its members in the order of the
// YAML: the root's, or that of the other nodes. The servers come first in it.
// The error wraps ErrYAML.
func Document(root bool, servers []Server) ([]byte, error) {
	document, err := parsed()
	if err != nil {
		return nil, err
	}
	head, err := json.Marshal(servers)
	if err != nil {
		return nil, fmt.Errorf("the servers: %w", err)
	}
	c := converter{all: root}
	c.out.WriteString(`{"servers":`)
	c.out.Write(head)
	if err := c.members(document, ","); err != nil {
		return nil, err
	}
	return []byte(c.out.String() + "}"), nil
}

// converter writes YAML as JSON.
type converter struct {
	all bool // also what is the root's only
	out strings.Builder
}

func (c *converter) value(n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		c.out.WriteByte('{')
		err := c.members(n, "")
		c.out.WriteByte('}')
		return err
	case yaml.SequenceNode:
		return c.sequence(n)
	case yaml.ScalarNode:
		return c.scalar(n)
	default: // an alias, which would hide from the reader what is meant
		return fmt.Errorf("line %d: %w", n.Line, ErrYAML)
	}
}

// members writes the members of a mapping, the first behind separator.
func (c *converter) members(n *yaml.Node, separator string) error {
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if c.leftOut(value) {
			continue
		}
		c.out.WriteString(separator)
		separator = ","
		if err := c.text(key.Value); err != nil {
			return err
		}
		c.out.WriteByte(':')
		if err := c.value(value); err != nil {
			return err
		}
	}
	return nil
}

func (c *converter) sequence(n *yaml.Node) error {
	c.out.WriteByte('[')
	separator := ""
	for _, item := range n.Content {
		if c.leftOut(item) {
			continue
		}
		c.out.WriteString(separator)
		separator = ","
		if err := c.value(item); err != nil {
			return err
		}
	}
	c.out.WriteByte(']')
	return nil
}

func (c *converter) scalar(n *yaml.Node) error {
	if n.Tag == "!!str" {
		return c.text(n.Value)
	}
	var value any
	err := n.Decode(&value)
	if err == nil {
		var encoded []byte
		encoded, err = json.Marshal(value)
		c.out.Write(encoded)
	}
	if err != nil {
		return fmt.Errorf("line %d: %w: %w", n.Line, ErrYAML, err)
	}
	return nil
}

func (c *converter) text(s string) error {
	encoded, err := json.Marshal(s)
	c.out.Write(encoded)
	return err
}

// leftOut reports whether a value is none of this document's.
func (c *converter) leftOut(n *yaml.Node) bool {
	if c.all || n.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == rootOnly {
			return true
		}
	}
	return false
}
