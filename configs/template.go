package configs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// placeholders are what a template may contain.
var placeholders = []string{"{id}", "{ordinal}", "{root}", "{api.port}", "{host_port}"}

// template reads an address with placeholders. What they expand to is checked
// when all values are known.
func template(into *string) func(string) error {
	return func(text string) error {
		rest := text
		for rest != "" {
			at := strings.IndexAny(rest, "{}")
			if at < 0 {
				break
			}
			end := strings.IndexByte(rest[at:], '}') + at + 1
			if end <= at || !slices.Contains(placeholders, rest[at:end]) {
				return fmt.Errorf("allowed between braces are only %s", strings.Join(placeholders, ", "))
			}
			rest = rest[end:]
		}
		*into = text
		return nil
	}
}

// expand fills a template in for NODE-k.
func (c Config) expand(template string, k int) string {
	return strings.NewReplacer(
		"{id}", strconv.Itoa(k),
		"{ordinal}", strconv.Itoa(k-1),
		"{root}", strconv.Itoa(c.Tree.Root),
		"{api.port}", strconv.Itoa(c.API.Port),
		"{host_port}", strconv.Itoa(c.HostPort(k)),
	).Replace(template)
}

// baseURL fills in the template of a URL; paths are appended to what it returns.
func (c Config) baseURL(template string, k int) string {
	return strings.TrimSuffix(c.expand(template, k), "/")
}

// RootURL is where nodes find the configured root, without a slash at its end.
// {id}, {ordinal} and {host_port} in its template are the root's.
func (c Config) RootURL() string { return c.baseURL(c.Tree.RootURL, c.Tree.Root) }

// AdvertiseURL is where other nodes reach NODE-k, without a slash at its end.
func (c Config) AdvertiseURL(k int) string { return c.baseURL(c.Node.Advertise, k) }

// ClientURL is where clients reach NODE-k, without a slash at its end.
func (c Config) ClientURL(k int) string { return c.baseURL(c.Client.URL, k) }

// ListenAddress is the host:port that NODE-k binds.
func (c Config) ListenAddress(k int) string { return c.expand(c.Node.Listen, k) }

// HostPort is the port of NODE-k on the host of the containers, and with
// `xylem up`.
func (c Config) HostPort(k int) int { return c.API.HostPortBase + k }

// checkURL reports what is not the base of a node's URLs.
func checkURL(text string) error {
	allowed := errors.New("allowed is a URL of scheme, host and port, as in http://10.0.1.67:5000")
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return allowed
	case u.User != nil:
		return errors.New("must not have a user or password in it")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return fmt.Errorf("has more than a host and port: %w", allowed)
	case u.Port() != "" && !isPort(u.Port()):
		return fmt.Errorf("has a port out of range: %w", allowed)
	}
	return nil
}

// checkListen reports what cannot be bound.
func checkListen(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port) {
		return errors.New("allowed is host:port, as in :5000 or 127.0.0.1:5000")
	}
	return nil
}
