package configs

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// number reads a whole number within bounds, both included.
func number(into *int, least, most int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return fmt.Errorf("allowed is a whole number from %d to %d", least, most)
		}
		*into = n
		return nil
	}
}

// units are the suffixes of a size, longest first where one ends another.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size reads a number of bytes, with or without a unit, within bounds.
func size[T int | int64](into *T, least, most T) func(string) error {
	return func(text string) error {
		digits, factor := text, int64(1)
		for _, unit := range units {
			if rest, found := strings.CutSuffix(text, unit.name); found {
				digits, factor = strings.TrimRight(rest, " "), unit.bytes
				break
			}
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/factor || n*factor < int64(least) || n*factor > int64(most) {
			return fmt.Errorf("allowed are %s to %s, as bytes or with a unit (B, KiB, MiB, GiB, TiB)",
				sizeText(int64(least)), sizeText(int64(most)))
		}
		*into = T(n * factor)
		return nil
	}
}

// sizeText is a size in the largest unit that divides it.
func sizeText(bytes int64) string {
	for _, unit := range units {
		if bytes%unit.bytes == 0 && bytes >= unit.bytes {
			return strconv.FormatInt(bytes/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

// duration reads a Go duration within bounds, both included.
func duration(into *time.Duration, least, most time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return fmt.Errorf("allowed is a duration from %v to %v, with its unit, as in 500ms, 5s or 1m30s", least, most)
		}
		*into = d
		return nil
	}
}

// boolean reads true or false and none of their many other spellings.
func boolean(into *bool) func(string) error {
	return func(text string) error {
		if text != "true" && text != "false" {
			return errors.New("allowed is true or false")
		}
		*into = text == "true"
		return nil
	}
}

// oneOf reads one of a few words.
func oneOf(into *string, words ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(words, text) {
			last := len(words) - 1
			return fmt.Errorf("allowed is %s or %s", strings.Join(words[:last], ", "), words[last])
		}
		*into = text
		return nil
	}
}

// expression reads a cron expression, of which only the node knows the rules.
func expression(into *string) func(string) error {
	return func(text string) error {
		if strings.TrimSpace(text) == "" {
			return errors.New(`allowed is a cron expression, as in "@every 5s" or "*/10 * * * * *"`)
		}
		*into = text
		return nil
	}
}

// path reads a file name; empty is none.
func path(into *string) func(string) error {
	return func(text string) error {
		if strings.ContainsRune(text, 0) {
			return errors.New("allowed is a path, which has no NUL in it")
		}
		*into = text
		return nil
	}
}

// secret reads a secret; empty is none.
func secret(into *Secret, check func(string) error) func(string) error {
	return func(text string) error {
		if text == "" {
			return nil
		}
		if err := check(text); err != nil {
			return err
		}
		*into = Secret(text)
		return nil
	}
}

// namespace reads a ZooKeeper path that may be one tree's own.
func namespace(into *string) func(string) error {
	return func(text string) error {
		for name := range strings.SplitSeq(strings.TrimPrefix(text, "/"), "/") {
			bad := func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0xd800 }
			if !strings.HasPrefix(text, "/") || name == "" || name == "." || name == ".." || strings.ContainsFunc(name, bad) ||
				text == "/zookeeper" || strings.HasPrefix(text, "/zookeeper/") {
				return errors.New("allowed is a path as in /xylem or /prod/xylem, without a slash at its end, and not /zookeeper")
			}
		}
		*into = text
		return nil
	}
}

// servers reads host:port pairs with commas between.
func servers(into *[]string) func(string) error {
	return func(text string) error {
		var read []string
		for server := range strings.SplitSeq(text, ",") {
			if server = strings.TrimSpace(server); server == "" {
				continue
			}
			host := server
			if strings.Contains(server, ":") {
				var port string
				var err error
				if host, port, err = net.SplitHostPort(server); err != nil || !isPort(port) {
					host = ""
				}
			}
			if host == "" || strings.ContainsAny(host, " /") {
				return errors.New("allowed are host:port pairs, as a list or with commas between, as in zk1:2181,zk2:2181")
			}
			read = append(read, server)
		}
		*into = read
		return nil
	}
}

// subnet reads an IPv4 network.
func subnet(into *netip.Prefix) func(string) error {
	return func(text string) error {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || !prefix.Addr().Is4() || prefix != prefix.Masked() || prefix.Bits() < 8 || prefix.Bits() > 28 {
			return errors.New("allowed is an IPv4 network of 8 to 28 bits, as in 10.0.1.0/24")
		}
		*into = prefix
		return nil
	}
}

// image reads the name of a container image. Whether there is one the engine says.
func image(into *string) func(string) error {
	return func(text string) error {
		if text == "" || strings.HasPrefix(text, "-") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("allowed is the name of an image, as in debian:bookworm-slim")
		}
		*into = text
		return nil
	}
}

// isPort reports whether text is a TCP port that can be connected to.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
