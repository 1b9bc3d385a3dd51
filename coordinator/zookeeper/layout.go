package zookeeper

import (
	"encoding/json"
	"fmt"

	"xylem/coordinator"
)

// paths are where things are.
type paths struct{ members, epoch, root, placement, handover, tree, treeID string }

func pathsBelow(namespace string) paths {
	return paths{
		members: namespace + "/members", epoch: namespace + "/epoch", root: namespace + "/root",
		placement: namespace + "/placement", handover: namespace + "/handover", tree: namespace + "/tree", treeID: namespace + "/tree-id",
	}
}

// member is where the ephemeral node of NODE-k is.
func (p paths) member(k int) string { return p.members + "/" + coordinator.Name(k) }

// memberNode is the value of NS/members/NODE-k.
type memberNode struct {
	coordinator.Member
	Epoch    uint64 `json:"epoch"`
	Seq      uint64 `json:"seq"`
	Promised uint64 `json:"promised"`
	Fit      bool   `json:"fit"`
	Round    uint64 `json:"round"`
}

// rootNode is the value of NS/root. Epoch is 0 until the candidate has taken one.
type rootNode struct {
	coordinator.Member
	Epoch   uint64 `json:"epoch"`
	Serving bool   `json:"serving"`
}

// handoverNode is the value of NS/handover.
type handoverNode struct {
	To    int    `json:"to"`
	Epoch uint64 `json:"epoch"`
}

// treeNode is the value of a node below NS/tree.
type treeNode struct {
	Position int    `json:"position"`
	Address  string `json:"address,omitempty"` // of a node that lives
}

// encode is a value's JSON. None of the types above can fail.
func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// decode reads what encode wrote; nothing is the zero value.
func decode[T any](name string, data []byte) (T, error) {
	var value T
	if len(data) == 0 {
		return value, nil
	}
	if err := json.Unmarshal(data, &value); err != nil {
		return value, fmt.Errorf("what is in %s: %w", name, err)
	}
	return value, nil
}

// decodePlacement reads NS/placement; nil before the first root.
func decodePlacement(name string, data []byte) (coordinator.Placement, error) {
	placement, err := decode[coordinator.Placement](name, data)
	if err != nil || placement == nil {
		return nil, err
	}
	if err := placement.Validate(); err != nil {
		return nil, fmt.Errorf("what is in %s: %w", name, err)
	}
	return placement, nil
}
