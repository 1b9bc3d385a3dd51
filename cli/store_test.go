package main

import (
	"net"
	"testing"
)

const helloAnswer = `{"key":"hello","value":"world","version":"1.43"}`

func TestStoreCommandsPrintTheAnswer(t *testing.T) {
	f := newFakeNode(t, map[string]string{
		"GET /store/hello":    "200 " + helloAnswer,
		"PUT /store/hello":    `202 {"key":"hello","pending":true, "write_id":"6-1"}`,
		"DELETE /store/hello": `200 {"key":"hello","version":"1.44"}`,
		"GET /store/n":        `200 {"key":"n","value":[1.500, "<&>"],"version":"1.2"}`,
	})
	for _, get := range []string{"get", "GET"} {
		xylem(t, f.env(), get, "NODE-6", "hello").want(t, 0, "200 "+helloAnswer+"\n", "")
	}
	xylem(t, nil, "get", f.url, "hello").want(t, 0, "200 "+helloAnswer+"\n", "")
	xylem(t, nil, "get", "7", "hello", "--client-url", f.url).want(t, 0, "200 "+helloAnswer+"\n", "")
	xylem(t, f.env(), "get", "-v", "node-6", "hello").want(t, 0, "200 "+helloAnswer+"\n", "NODE-6, as of version 1.44, lag 3120 ms\n")
	xylem(t, f.env(), "get", "6", "n").want(t, 0, `200 {"key":"n","value":[1.500,"<&>"],"version":"1.2"}`+"\n", "")
	xylem(t, f.env(), "PUT", "6", "hello", "x").want(t, 0, `202 {"key":"hello","pending":true,"write_id":"6-1"}`+"\n", "")
	xylem(t, f.env(), "DELETE", "6", "hello").want(t, 0, `200 {"key":"hello","version":"1.44"}`+"\n", "")
	xylem(t, f.env(), "get", "6", "n", "--output", "json").want(t, 0,
		`{"status":200,"key":"n","value":[1.500,"<&>"],"version":"1.2","node":"NODE-6","as_of":"1.44","lag_ms":3120.5}`+"\n", "")
}

func TestAnswersOfErrorGoToStandardError(t *testing.T) {
	f := newFakeNode(t, map[string]string{
		"PUT /store/k":    `503 {"title":"Unavailable","detail":"the root cannot be reached: try again"}`,
		"DELETE /store/k": `400 `,
	})
	xylem(t, f.env(), "get", "NODE-6", "missing").want(t, 1, "", "404 nobody has this key\n")
	xylem(t, f.env(), "put", "NODE-6", "k", "1").want(t, 1, "", "503 the root cannot be reached: try again\n")
	xylem(t, f.env(), "delete", "NODE-6", "k", "-o", "json").want(t, 1, "", "400 Bad Request\n")
}

func TestValues(t *testing.T) {
	f := newFakeNode(t, map[string]string{"PUT /store/k": "200 " + helloAnswer, "PUT /store/-k": "200 " + helloAnswer})
	for _, c := range []struct {
		name, stdin string
		args        []string
		body        string
	}{
		{"a word is a string", "", []string{"world"}, `"world"`},
		{"a number is a number", "", []string{"1.50"}, `1.50`},
		{"a negative number is no flag", "", []string{"-5.0"}, `-5.0`},
		{"nor with a flag behind it", "", []string{"-5", "--string"}, `"-5"`},
		{"null", "", []string{"null"}, `null`},
		{"an object", "", []string{`{"a":[1, 2]}`}, `{"a":[1, 2]}`},
		{"a JSON string is sent as that", "", []string{`"x"`}, `"x"`},
		{"--string quotes it", "", []string{`"x"`, "--string"}, `"\"x\""`},
		{"a number as a string", "", []string{"--string", "42"}, `"42"`},
		{"almost JSON", "", []string{"{a"}, `"{a"`},
		{"empty", "", []string{""}, `""`},
		{"markup stays", "", []string{"<b> & ключ"}, `"<b> & ключ"`},
		{"JSON from standard input", "[1,\n2]\n", []string{"-"}, "[1,\n2]\n"},
		{"text from standard input", "a\nb\n", []string{"-"}, `"a\nb\n"`},
		{"behind --", "", []string{"--", "--x"}, `"--x"`},
	} {
		got := xylemReading(t, c.stdin, f.env(), append([]string{"put", "NODE-6", "k"}, c.args...)...)
		if want := "PUT /store/k {\"value\":" + c.body + "}"; got.status != 0 || f.last() != want {
			t.Errorf("%s: status %d %s, sent %q, want %q", c.name, got.status, got.stderr, f.last(), want)
		}
	}
	if got := xylem(t, f.env(), "put", "--", "6", "-k", "-1"); got.status != 0 || f.last() != `PUT /store/-k {"value":-1}` {
		t.Errorf("behind --: %+v, sent %s", got, f.last())
	}
	xylem(t, f.env(), "put", "6", "k", "\xff").wantError(t, 2, "UTF-8", "base64")
}

func TestKeysAreEncoded(t *testing.T) {
	f := newFakeNode(t, map[string]string{"GET /store/a%2Fb%20%3F%25": "200 " + helloAnswer, "GET /store/%2e%2e": "200 " + helloAnswer})
	for _, key := range []string{"a/b ?%", ".."} {
		if got := xylem(t, f.env(), "get", "1", key); got.status != 0 {
			t.Errorf("%q: %+v", key, got)
		}
	}
}

func TestUnreachableNodes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	env := []string{"XYLEM_CLIENT_URL=" + url}
	xylem(t, env, "get", "NODE-6", "k").wantError(t, 3, "NODE-6", url, "connection refused", "xylem up")
	xylem(t, env, "put", url, "k", "1").wantError(t, 3, url, "cannot be reached")
	xylem(t, env, "nodes").wantError(t, 3, "NODE-1", "connection refused")
	f := newFakeNode(t, map[string]string{"GET /store/k": "200 <html>"})
	xylem(t, f.env(), "get", "1", "k").wantError(t, 3, "no node of Xylem", "client.url")
}

func TestWrongUsage(t *testing.T) {
	f := newFakeNode(t, nil)
	for _, c := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"gett", "1", "k"}, []string{`"gett"`, "get", "status"}},
		{[]string{"get", "1"}, []string{"NODE, KEY", "1 given", "xylem get --help"}},
		{[]string{"put", "1", "k", "v", "w"}, []string{"NODE, KEY, VALUE"}},
		{[]string{"nodes", "x"}, []string{"no arguments"}},
		{[]string{"get", "1", "k", "--no-such"}, []string{"--no-such", "xylem get --help", "goes after --"}},
		{[]string{"get", "NODE-8", "k"}, []string{"NODE-8", "NODE-1 to NODE-7"}},
		{[]string{"get", "NODE-X", "k"}, []string{"NODE-X", "NODE-7"}},
		{[]string{"get", "ftp://x", "k"}, []string{"ftp://x", "http://HOST:PORT"}},
		{[]string{"get", "1", "k", "--output", "xml"}, []string{"xml", "text or json"}},
		{[]string{"status", "--timeout", "0s"}, []string{"--timeout"}},
		{[]string{"get", "1", "k", "--depth", "17"}, []string{"tree.depth", "17", "16"}},
		{[]string{"get", "1", "k", "--set", "tree.heigth=3"}, []string{"tree.heigth"}},
		{[]string{"get", "1", "k", "--set", "tree"}, []string{"key=value"}},
		{[]string{"get", "1", "k", "--config", "no/such.yaml"}, []string{"no/such.yaml"}},
		{[]string{"node"}, []string{"--id", "NODE-7"}},
		{[]string{"node", "--id", "9"}, []string{"--id", "NODE-7"}},
		{[]string{"node", "--id", "4"}, []string{"data.dir", "XYLEM_DATA_DIR", "auth.cluster_secret", "XYLEM_AUTH_CLUSTER_SECRET", "16 bytes"}},
		{[]string{"up", "--fanout", "fan"}, []string{"sync.fanout", "fan", "direct", "tree"}},
	} {
		got := xylem(t, f.env(), c.args...)
		got.wantError(t, 2, c.parts...)
	}
	if n := len(f.requests()); n != 0 {
		t.Errorf("%d requests sent in spite of wrong usage", n)
	}
	xylem(t, []string{"XYLEM_TREE_DEPTH=2"}, "get", "4", "k").wantError(t, 2, "NODE-3")
	xylem(t, append(f.env(), "XYLEM_TREE_DEPTH=2"), "get", "4", "k", "--depth", "3").want(t, 1, "", "404 nobody has this key\n")
}
