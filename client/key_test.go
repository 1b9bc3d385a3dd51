package client

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzEscapeKey holds that a key is one path segment, is no dot segment, and comes back as it was.
func FuzzEscapeKey(f *testing.F) {
	for _, key := range []string{"a/b", "..", "%2e", "+ ", "ключ", "\xff\x00", "./../x"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		escaped := EscapeKey(key)
		back, err := url.PathUnescape(escaped)
		if err != nil || back != key {
			t.Errorf("%q became %q and came back as %q, %v", key, escaped, back, err)
		}
		if strings.ContainsAny(escaped, "/?#+ ") || escaped == "." || escaped == ".." {
			t.Errorf("%q became %q, which is no plain segment", key, escaped)
		}
	})
}
