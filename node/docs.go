package node

import (
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"xylem/node/api"
)

// Paths of the description of the HTTP interface.
const (
	pathDocs    = "/docs"
	pathOpenAPI = "/openapi.json"
)

// docsPolicy has the browser see to it that the page of /docs asks nobody but
// the node that served it. The styles that its script sets are inline.
const docsPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// docs serves the description of what routes registers: as JSON, made when it is
// first asked for, and as a page, all of whose parts are in the binary.
func (n *Node) docs(app *fiber.App) {
	root := sync.OnceValues(func() ([]byte, error) { return n.openAPI(true) })
	others := sync.OnceValues(func() ([]byte, error) { return n.openAPI(false) })
	app.Get(pathOpenAPI, func(c *fiber.Ctx) error {
		document := others
		if n.isRoot() {
			document = root
		}
		body, err := document()
		if err != nil {
			return err
		}
		c.Response().Header.SetContentType(typeJSON)
		c.Response().SetBodyRaw(body)
		return nil
	})
	app.Get(pathDocs, getDocs)
	app.Get(pathDocs+"/*", getDocs)
}

// openAPI is this node's description, as the root or as another. Its first server is whoever served it, for
// a browser may know the node under another name than its peers do.
func (n *Node) openAPI(root bool) ([]byte, error) {
	return api.Document(root, []api.Server{
		{URL: "/", Description: n.name + ", as you reach it"},
		{URL: n.opts.Advertise, Description: n.name + ", as the other nodes reach it"},
	})
}

// getDocs answers with the page or one of its files.
func getDocs(c *fiber.Ctx) error {
	name := strings.TrimPrefix(strings.TrimPrefix(c.Path(), pathDocs), "/")
	asset, found := api.Find(name)
	if !found {
		return fiber.ErrNotFound
	}
	header := &c.Response().Header
	header.SetContentType(asset.MediaType)
	header.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
	header.Set(fiber.HeaderCacheControl, "max-age=600")
	if asset.Gzipped != nil {
		header.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		if c.Request().Header.HasAcceptEncoding("gzip") {
			header.Set(fiber.HeaderContentEncoding, "gzip")
			c.Response().SetBodyRaw(asset.Gzipped)
			return nil
		}
	}
	body, err := asset.Plain()
	if err != nil {
		return err
	}
	c.Response().SetBodyRaw(body)
	return nil
}
