package node

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"xylem/store"
)

const defaultPage = 100

// listStore answers GET /store?prefix=&after=&limit=.
func (n *Node) listStore(c *fiber.Ctx) error {
	prefix, after, limit, err := listQuery(c)
	if err != nil {
		return n.storeError(c, err)
	}
	if !n.isRoot && n.store.Meta().Tree.IsZero() {
		return n.storeError(c, unavailable("no-state", "this node holds no state yet; try again, or ask another node"))
	}
	page := n.store.List(prefix, after, limit)
	if err := n.freshEnough(c, page.AsOf); err != nil {
		return n.storeError(c, err)
	}
	n.setFreshness(c, page.AsOf)
	body := []byte(`{"entries":[`)
	for i, e := range page.Entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEntry(body, e)
	}
	body = append(body, `],"next":`...)
	if page.More {
		body = appendString(body, page.Entries[len(page.Entries)-1].Key)
	} else {
		body = append(body, "null"...)
	}
	c.Response().Header.SetContentType(typeJSON)
	c.Response().SetBodyRaw(append(body, '}'))
	return nil
}

func listQuery(c *fiber.Ctx) (prefix, after string, limit int, err error) {
	limit = defaultPage
	for name, value := range c.Context().QueryArgs().All() {
		text := string(value)
		switch string(name) {
		case "prefix", "after":
			// Either may be empty; what is there has to be what a key may be.
			if text != "" {
				err = store.CheckKey(text)
			}
			if string(name) == "prefix" {
				prefix = text
			} else {
				after = text
			}
		case "limit":
			limit, err = strconv.Atoi(text)
			if err != nil || limit < 1 || limit > store.MaxPage {
				err = badRequest("limit", fmt.Sprintf("limit is %q: want a number from 1 to %d", text, store.MaxPage))
			}
		default:
			err = badRequest("query", fmt.Sprintf("the query has %q; a listing takes prefix, after and limit", string(name)))
		}
		if err != nil {
			return "", "", 0, err
		}
	}
	return prefix, after, limit, nil
}

// appendString appends s, which is valid UTF-8, as a JSON string.
func appendString(dst []byte, s string) []byte {
	special := func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' || r == 0x7f }
	if strings.IndexFunc(s, special) < 0 {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // not for a string
		return append(dst, `""`...)
	}
	return append(dst, quoted...)
}
