package node

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	// references are what a browser fetches for a page or a style sheet.
	references = regexp.MustCompile(`(?:src|href)\s*=\s*["']([^"']*)["']|url\(\s*["']?([^"')]*)|@import\s+["']([^"']*)`)
	// elsewhere is the beginning of a URL in a script; most of them only name things.
	elsewhere = regexp.MustCompile(`["'](?:https?:)?//[\w.-]+`)
	// fetched is what stands before the URL if the script fetches it.
	fetched = regexp.MustCompile(`(?:fetch\(|importScripts\(|import\(|\.open\(["'][A-Z]+["'],|\.(?:src|href)\s*=)\s*$`)
)

// The page needs nothing but the node that serves it.
func TestDocsComeFromTheNodeAlone(t *testing.T) {
	tr := startTree(t, 2)
	for _, p := range tr.nodes {
		resp, page := ask(t, asking(p).get("/docs"))
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("/docs answers %d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'self';") {
			t.Errorf("the browser is told %q", policy)
		}
		assets := 0
		for _, reference := range referred(page) {
			if reference == pathOpenAPI { // a link to follow, for who has no JavaScript
				continue
			}
			if !strings.HasPrefix(reference, "/docs/") {
				t.Errorf("the page refers to %s", reference)
				continue
			}
			assets++
			resp, asset := ask(t, asking(p).get(reference))
			if resp.StatusCode != http.StatusOK || len(asset) == 0 {
				t.Errorf("%s answers %d, %d bytes", reference, resp.StatusCode, len(asset))
			}
			if p.k == 1 { // the others have the same
				wantNothingElse(t, reference, asset)
			}
		}
		if assets < 4 {
			t.Errorf("the page refers to %d assets, want a style sheet, an icon and two scripts at least:\n%s", assets, page)
		}
		if _, start := ask(t, asking(p).get("/docs/start.js")); !strings.Contains(string(start), `url: "`+pathOpenAPI+`"`) {
			t.Errorf("the page does not read %s", pathOpenAPI)
		}
	}
}

// Who takes gzip gets it, and who does not gets the same unpacked.
func TestDocsAreUnpackedForWhoeverNeedsIt(t *testing.T) {
	p := startTree(t, 1).nodes[0]
	for _, name := range []string{"swagger-ui.css", "swagger-ui-bundle.js"} {
		packed, body := ask(t, asking(p).get("/docs/"+name).with("Accept-Encoding: gzip"))
		plain, text := ask(t, asking(p).get("/docs/"+name).with("Accept-Encoding: identity"))
		if packed.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s comes as %q and as %q", name, packed.Header.Get("Content-Encoding"), plain.Header.Get("Content-Encoding"))
		}
		unzip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if unpacked, err := io.ReadAll(unzip); err != nil || !bytes.Equal(unpacked, text) {
			t.Errorf("%s: %d bytes packed, %d plain, %v", name, len(unpacked), len(text), err)
		}
	}
}

// referred are the references of a page or style sheet.
func referred(text []byte) []string {
	var found []string
	for _, match := range references.FindAllSubmatch(text, -1) {
		found = append(found, string(match[1])+string(match[2])+string(match[3]))
	}
	return found
}

func wantNothingElse(t *testing.T, name string, asset []byte) {
	t.Helper()
	switch {
	case strings.HasSuffix(name, ".css"):
		for _, reference := range referred(asset) {
			if !strings.HasPrefix(reference, "data:") && !strings.HasPrefix(reference, "#") {
				t.Errorf("%s refers to %s", name, reference)
			}
		}
	case strings.HasSuffix(name, ".js"):
		for _, at := range elsewhere.FindAllIndex(asset, -1) {
			if before := asset[max(0, at[0]-40):at[0]]; fetched.Match(before) {
				t.Errorf("%s has %s%s", name, before, asset[at[0]:at[1]])
			}
		}
	}
}

// A real browser shows every operation, with every other host out of its reach.
func TestDocsInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not on the PATH: nobody has looked at /docs here")
	}
	p := startTree(t, 1).nodes[0]
	// The browser itself crashes once in a while, as it starts. A page that it cannot bear crashes it each time.
	const starts = 3
	var shown, complaints string
	for start := 1; ; start++ {
		if shown, complaints, err = show(t, browser, "http://"+p.address+"/docs"); err == nil {
			break
		}
		t.Logf("%s, start %d of %d: %v\n%s", browser, start, starts, err, complaints)
		if !crashed(err) || start == starts {
			t.Fatal("the browser shows nothing")
		}
	}
	for name, operation := range operations(description(t, p)) {
		if !strings.Contains(shown, ">"+operation.Summary+"<") {
			t.Errorf("the page does not show %s: %q", name, operation.Summary)
		}
	}
	if t.Failed() {
		t.Logf("the browser says:\n%s", complaints)
	}
}

// crashed reports whether a process ended by a signal of its own doing.
func crashed(err error) bool {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return false
	}
	status, _ := ended.Sys().(syscall.WaitStatus)
	return status.Signaled() && status.Signal() != syscall.SIGKILL
}

// show is the text of a page as a browser makes it of what the page loads.
func show(t *testing.T, browser, url string) (shown, complaints string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
		"--virtual-time-budget=30000", "--dump-dom", url)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the browser's own children end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	dom, err := cmd.Output()
	return html.UnescapeString(string(dom)), stderr.String(), err
}
