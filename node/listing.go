package node

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"xylem/store"
	"xylem/sync/version"
)

const defaultPage = 100

// listStore answers GET /store?prefix=&after=&limit=.
func (n *Node) listStore(c *fiber.Ctx) error {
	prefix, after, limit, err := listQuery(c)
	if err != nil {
		return n.storeError(c, err)
	}
	d, err := n.demanded(c)
	if err != nil {
		return n.storeError(c, err)
	}
	r := pageReading{store: n.store, prefix: prefix, after: after, limit: limit}
	l, err := n.seek(&r, &d)
	if err != nil {
		return n.storeError(c, err)
	}
	page := r.page
	n.setFreshnessOf(c, page.AsOf, l, version.Version{})
	body := []byte(`{"entries":[`)
	for i, e := range page.Entries {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEntry(body, e)
	}
	body = append(body, `],"next":`...)
	if page.Next != "" {
		body = appendString(body, page.Next)
	} else {
		body = append(body, "null"...)
	}
	c.Response().Header.SetContentType(typeJSON)
	c.Response().SetBodyRaw(append(body, '}'))
	return nil
}

// listQuery reads the query of a listing. What cannot be right is refused rather
// than guessed at: a misspelt name would list everything.
func listQuery(c *fiber.Ctx) (prefix, after string, limit int, err error) {
	limit = defaultPage
	seen := make(map[string]bool, 3)
	for pair := range strings.SplitSeq(string(c.Context().URI().QueryString()), "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		name, err = url.QueryUnescape(name)
		if err == nil {
			text, err = url.QueryUnescape(text)
		}
		switch {
		case err != nil:
			err = badRequest("query", "the query is badly percent-encoded: a % must be sent as %25")
		case seen[name]:
			err = badRequest("query", fmt.Sprintf("the query has %s twice", name))
		case name == "prefix":
			prefix, err = text, checkBound(text)
		case name == "after":
			after, err = text, checkBound(text)
		case name == "limit":
			limit, err = strconv.Atoi(text)
			if err != nil || limit < 1 || limit > store.MaxPage {
				err = badRequest("limit", fmt.Sprintf("limit is %s: want a number from 1 to %d", quoted(text), store.MaxPage))
			}
		default:
			err = badRequest("query", fmt.Sprintf("the query has %s; a listing takes prefix, after and limit", quoted(name)))
		}
		if err != nil {
			return "", "", 0, err
		}
		seen[name] = true
	}
	return prefix, after, limit, nil
}

// checkBound checks a prefix or the key to list after: it may be empty; what is
// there has to be what a key may be.
func checkBound(text string) error {
	if text == "" {
		return nil
	}
	return store.CheckKey(text)
}

// quoted is what a client sent, to be shown to it: not all of it if it is long.
func quoted(text string) string {
	const most = 64
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return strconv.Quote(text)
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
