package client

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"

	"xylem/sync/version"
)

// MaxPage is the largest limit of List.
const MaxPage = 1000

// Entry is one key of a listing.
type Entry struct {
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value"`
	Version version.Version `json:"version"`  // zero when Pending
	Pending bool            `json:"pending"`  // it waits in the node's queue
	WriteID string          `json:"write_id"` // of a pending write
}

// Page is one page of a listing, in byte order of keys. A page is one state, that of AsOf; several are one only while
// AsOf stays.
type Page struct {
	Freshness
	Entries []Entry
	Next    string // what to pass as after for the next page; empty on the last
}

// List reads one page: keys with the prefix that come after the key given (empty: from the first). Limit 0 leaves the
// page's size to the node, which takes at most MaxPage.
func (c *Client) List(ctx context.Context, prefix, after string, limit int, opts ...RequestOption) (*Page, error) {
	query := ""
	add := func(name, value string) {
		if value == "" {
			return
		}
		if query != "" {
			query += "&"
		}
		query += name + "=" + escape(value)
	}
	add("prefix", prefix)
	add("after", after)
	if limit != 0 {
		add("limit", strconv.Itoa(limit))
	}
	var doc struct {
		Entries []Entry `json:"entries"`
		Next    string  `json:"next"`
	}
	r, err := c.read(ctx, "/store", query, &doc, opts...)
	if err != nil {
		return nil, err
	}
	return &Page{Freshness: freshness(r.header), Entries: doc.Entries, Next: doc.Next}, nil
}

// All walks over every entry with the prefix, page by page. An error is the last thing that it yields.
func (c *Client) All(ctx context.Context, prefix string, opts ...RequestOption) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		after := ""
		for {
			page, err := c.List(ctx, prefix, after, MaxPage, opts...)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, entry := range page.Entries {
				if !yield(entry, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			after = page.Next
		}
	}
}
