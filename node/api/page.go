package api

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"

	"github.com/swaggest/swgui/v5/static"
)

// The page is ours and not swgui's, whose template would make the binary half as
// large again: the linker drops no method once there is a template.

//go:embed page.html
var page []byte

//go:embed start.js
var start []byte

// Asset is a file of the page. It is not to be changed.
type Asset struct {
	MediaType string
	Gzipped   []byte // nil for one that is not worth it
	plain     []byte
}

const script = "text/javascript; charset=utf-8"

// assets are all files by their names; "" is the page itself.
var assets = map[string]Asset{
	"":                     {MediaType: "text/html; charset=utf-8", plain: page},
	"start.js":             {MediaType: script, plain: start},
	"swagger-ui-bundle.js": {MediaType: script, Gzipped: embedded("swagger-ui-bundle.js.gz")},
	"swagger-ui.css":       {MediaType: "text/css; charset=utf-8", Gzipped: embedded("swagger-ui.css.gz")},
	"favicon-32x32.png":    {MediaType: "image/png", plain: embedded("favicon-32x32.png")},
}

// embedded is a file of Swagger UI; nil if it is missing, which a test would see.
func embedded(name string) []byte {
	content, _ := static.FS.ReadFile(name)
	return content
}

// Find returns a file of the page by its name below /docs/; "" is the page.
func Find(name string) (Asset, bool) {
	asset, found := assets[name]
	return asset, found
}

// Plain is the file's content, not compressed.
func (a Asset) Plain() ([]byte, error) {
	if a.Gzipped == nil {
		return a.plain, nil
	}
	unzip, err := gzip.NewReader(bytes.NewReader(a.Gzipped))
	if err != nil {
		return nil, fmt.Errorf("unpack an embedded file: %w", err)
	}
	content, err := io.ReadAll(unzip)
	if err != nil {
		return nil, fmt.Errorf("unpack an embedded file: %w", err)
	}
	return content, nil
}
