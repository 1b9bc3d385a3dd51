package configs_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"xylem/configs"
)

func TestParseNode(t *testing.T) {
	tests := []struct {
		text string
		n, k int
		want string // in the error
	}{
		{text: "NODE-7", n: 7, k: 7},
		{text: "node-7", n: 7, k: 7},
		{text: "Node-7", n: 7, k: 7},
		{text: "7", n: 7, k: 7},
		{text: "1", n: 1, k: 1},
		{text: "NODE-8", n: 7, want: `"NODE-8" is outside this tree, whose 7 nodes are NODE-1 to NODE-7`},
		{text: "0", n: 7, want: "is outside this tree"},
		{text: "99999999999999999999", n: 7, want: "is outside this tree"},
		{text: "", n: 7, want: "is not the name of a node: allowed is a name as in NODE-7, node-7 or 7"},
		{text: "NODE-", n: 7, want: "is not the name"},
		{text: "NODE--1", n: 7, want: "is not the name"},
		{text: "+1", n: 7, want: "is not the name"},
		{text: "07", n: 7, want: "is not the name"},
		{text: " 7", n: 7, want: "is not the name"},
		{text: "NODE7", n: 7, want: "is not the name"},
		{text: "٧", n: 7, want: "is not the name"},
	}
	for _, test := range tests {
		k, err := configs.ParseNode(test.text, test.n)
		if test.want == "" && (err != nil || k != test.k) {
			t.Errorf("ParseNode(%q, %d) = %d, %v, want %d", test.text, test.n, k, err, test.k)
		}
		if test.want != "" && (!errors.Is(err, configs.ErrNode) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("ParseNode(%q, %d) = %d, %v, want an ErrNode with %q", test.text, test.n, k, err, test.want)
		}
	}
}

// FuzzParseNode holds that whatever is taken is a node of the tree, by its name.
func FuzzParseNode(f *testing.F) {
	for _, seed := range []string{"NODE-7", "7", "node-", "NODE-99999999999999999999", "٧"} {
		f.Add(seed, 7)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		k, err := configs.ParseNode(text, n)
		if err != nil {
			return
		}
		name := configs.Config{}.NodeName(k)
		if k < 1 || k > n || (!strings.EqualFold(text, name) && text != strconv.Itoa(k)) {
			t.Errorf("ParseNode(%q, %d) = %d", text, n, k)
		}
	})
}

func TestAddressesOfNodes(t *testing.T) {
	config := configs.Default()
	config.Tree.Root = 2
	tests := map[string]struct{ got, want string }{
		"name":             {config.NodeName(7), "NODE-7"},
		"root":             {config.RootURL(), "http://NODE-2:5000"},
		"advertise":        {config.AdvertiseURL(7), "http://NODE-7:5000"},
		"client":           {config.ClientURL(7), "http://localhost:5007"},
		"listen":           {config.ListenAddress(7), ":5000"},
		"number of nodes":  {strconv.Itoa(config.Nodes()), "7"},
		"port on the host": {strconv.Itoa(config.HostPort(7)), "5007"},
	}
	for name, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", name, test.got, test.want)
		}
	}
	config.Client.URL = "http://xylem-{ordinal}.xylem:{api.port}"
	if got := config.ClientURL(7); got != "http://xylem-6.xylem:5000" {
		t.Errorf("client: %q", got)
	}
	config.Tree.RootURL = "https://{root}.{id}.example:{host_port}/"
	if got := config.RootURL(); got != "https://2.2.example:5002" {
		t.Errorf("root: %q", got)
	}
	config.Tree.Depth = 16
	if got := config.Nodes(); got != 65535 {
		t.Errorf("a tree of depth 16 has %d nodes, want 65535", got)
	}
}
