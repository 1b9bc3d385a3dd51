package node

import (
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"xylem/node/api"
)

// Paths of the description of the HTTP interface.
const (
	pathDocs    = "/docs"
	pathOpenAPI = "/openapi.json"
)

// docsPolicy has the browser see to it that the page of /docs asks nobody but
// the node that served it. Its script, and the styles that it sets, are inline.
const docsPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// docs serves the description of what routes registers: as JSON, made when it is
// first asked for, and as a page, all of whose parts are in the binary.
func (n *Node) docs(app *fiber.App) {
	document := sync.OnceValues(n.openAPI)
	app.Get(pathOpenAPI, func(c *fiber.Ctx) error {
		body, err := document()
		if err != nil {
			return err
		}
		c.Response().Header.SetContentType(typeJSON)
		c.Response().SetBodyRaw(body)
		return nil
	})
	page := adaptor.HTTPHandler(v5emb.NewHandlerWithConfig(swgui.Config{
		Title: n.name + " of Xylem", SwaggerJSON: pathOpenAPI, BasePath: pathDocs,
		SettingsUI: map[string]string{"displayRequestDuration": "true", "defaultModelRendering": `"model"`},
	}))
	serve := func(c *fiber.Ctx) error {
		if err := page(c); err != nil {
			return err
		}
		if c.Response().StatusCode() == fiber.StatusNotFound {
			return fiber.ErrNotFound
		}
		c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
		return nil
	}
	app.Get(pathDocs, serve)
	app.Get(pathDocs+"/*", serve)
}

// openAPI is this node's description. Its first server is whoever served it, for
// a browser may know the node under another name than its peers do.
func (n *Node) openAPI() ([]byte, error) {
	return api.Document(n.isRoot, []api.Server{
		{URL: "/", Description: n.name + ", as you reach it"},
		{URL: n.opts.Advertise, Description: n.name + ", as the other nodes reach it"},
	})
}
