package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"xylem/node/proof"
)

// question is a request to a node.
type question struct {
	to      *process
	method  string
	target  string // path and query as they are sent
	headers string // "Name: value" lines
	body    string
	proof   *peers // who proves it; nil for nobody
}

// asking begins a question.
func asking(p *process) question { return question{to: p} }

func (q question) get(target string) question {
	q.method, q.target = http.MethodGet, target
	return q
}

func (q question) put(target string) question {
	q.method, q.target = http.MethodPut, target
	return q
}

func (q question) delete(target string) question {
	q.method, q.target = http.MethodDelete, target
	return q
}

func (q question) post(who *peers) question {
	q.method, q.proof = http.MethodPost, who
	return q
}

func (q question) using(method string) question {
	q.method = method
	return q
}

func (q question) with(headers string) question {
	q.headers = headers
	return q
}

func (q question) saying(body string) question {
	q.body = body
	return q
}

// stranger is a process that knows the secret, and calls itself name.
func stranger(t *testing.T, tr *tree, name string) *peers {
	t.Helper()
	instance, err := proof.NewInstance()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := proof.NewSigner(tr.secret, name, instance)
	if err != nil {
		t.Fatal(err)
	}
	made := newPeers(signer, NewConnections(), tr.cfg.Writes.Timeout)
	t.Cleanup(made.client.CloseIdleConnections)
	return made
}

// ask sends a question and returns the answer and its body.
func ask(t *testing.T, q question) (*http.Response, []byte) {
	t.Helper()
	resp, err := q.send(t)
	if err != nil {
		t.Fatalf("%s %s: %v", q.method, q.target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", q.method, q.target, err)
	}
	return resp, body
}

func (q question) send(t *testing.T) (*http.Response, error) {
	if q.proof != nil && q.method == http.MethodPost {
		return q.proof.open(t.Context(), "http://"+q.to.address, q.target, []byte(q.body))
	}
	req, err := http.NewRequestWithContext(t.Context(), q.method, "http://"+q.to.address+q.target, strings.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(q.headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		req.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return transport.RoundTrip(req) // which follows nothing
}

// general are the answers that any path may give, by their slug: they stand with
// the components, not with the operations.
var general = map[string]string{"no-such-path": "NoSuchPath", "method": "MethodNotAllowed", "bad-request": "Otherwise"}

// unremarkable are headers of answers that HTTP itself describes.
var unremarkable = []string{"Content-Type", "Content-Length", "Content-Encoding", "Connection", "Vary", "Date", "Last-Modified", "X-Content-Type-Options"}

// discrepancies hold an answer against the document. operation is "METHOD /path".
func discrepancies(document *openapi3.T, operation string, resp *http.Response, body []byte) []string {
	status := strconv.Itoa(resp.StatusCode)
	slug := slugOf(body)
	described := operations(document)[operation]
	var response *openapi3.ResponseRef
	if described != nil {
		response = described.Responses.Value(status)
	}
	if response == nil && general[slug] != "" {
		response = document.Components.Responses[general[slug]]
	}
	if response == nil {
		return []string{"it is not described"}
	}
	found := headerDiscrepancies(response.Value.Headers, resp.Header)
	if strings.HasPrefix(resp.Request.URL.Path, "/store") {
		for _, name := range []string{headerNode, headerVersion, headerLag} {
			if resp.Header.Get(name) == "" || response.Value.Headers[name] == nil {
				found = append(found, "an answer about the store without "+name+", or it is not described")
			}
		}
	}
	return append(found, bodyDiscrepancies(response.Value.Content, resp, body, slug)...)
}

// slugOf is the slug of a problem, or "".
func slugOf(body []byte) string {
	var said struct{ Type string }
	_ = json.Unmarshal(body, &said)
	slug, _ := strings.CutPrefix(said.Type, problemType)
	return slug
}

func headerDiscrepancies(described openapi3.Headers, got http.Header) []string {
	var found []string
	known := slices.Clone(unremarkable)
	for name, header := range described {
		known = append(known, http.CanonicalHeaderKey(name))
		text := got.Get(name)
		if text == "" {
			if header.Value.Required {
				found = append(found, "without the header "+name)
			}
			continue
		}
		var value any = text
		if number, err := strconv.ParseInt(text, 10, 64); err == nil {
			value = float64(number)
		}
		if err := header.Value.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			found = append(found, fmt.Sprintf("the header %s: %v", name, err))
		}
	}
	for name := range got {
		if !slices.Contains(known, name) {
			found = append(found, "the header "+name+" is not described")
		}
	}
	return found
}

func bodyDiscrepancies(described openapi3.Content, resp *http.Response, body []byte, slug string) []string {
	if len(described) == 0 {
		if len(body) > 0 {
			return []string{"a body, where none is described"}
		}
		return nil
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	content := described[mediaType]
	if content == nil {
		return []string{fmt.Sprintf("the type %q is not described", mediaType)}
	}
	if content.Schema == nil {
		return nil
	}
	var value any
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&value); err != nil {
		return []string{err.Error()}
	}
	var found []string
	if err := content.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		found = append(found, err.Error())
	}
	if mediaType == "application/problem+json" {
		if content.Examples[slug] == nil {
			found = append(found, "no example of the problem "+slug)
		}
		if status := value.(map[string]any)["status"]; status != float64(resp.StatusCode) {
			found = append(found, fmt.Sprintf("the problem says %v", status))
		}
	}
	return append(found, undescribed(content.Schema.Value, value, "")...)
}

// undescribed are the members of a document that its schema does not name.
func undescribed(schema *openapi3.Schema, value any, at string) []string {
	var found []string
	switch value := value.(type) {
	case map[string]any:
		named := properties(schema)
		if len(named) == 0 {
			return nil // any JSON
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if property := named[name]; property == nil {
				found = append(found, "the member "+at+"."+name+" is not described")
			} else {
				found = append(found, undescribed(property.Value, value[name], at+"."+name)...)
			}
		}
	case []any:
		for i, item := range value {
			if schema.Items != nil {
				found = append(found, undescribed(schema.Items.Value, item, at+"["+strconv.Itoa(i)+"]")...)
			}
		}
	}
	return found
}

// properties are those of a schema and of the schemas that it is made of.
func properties(schema *openapi3.Schema) openapi3.Schemas {
	named := maps.Clone(schema.Properties)
	if named == nil {
		named = openapi3.Schemas{}
	}
	for _, parts := range []openapi3.SchemaRefs{schema.AllOf, schema.AnyOf, schema.OneOf} {
		for _, part := range parts {
			maps.Copy(named, properties(part.Value))
		}
	}
	return named
}
