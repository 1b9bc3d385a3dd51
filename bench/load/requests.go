package load

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
)

// What is stored in all measurements.
const (
	// KeyBytes is the length of every key.
	KeyBytes = 16
	// ValueBytes is that of every value, as JSON with its quotes; the others store the
	// same bytes.
	ValueBytes = 100
	// ManyKeys is how many keys are read and written in turn.
	ManyKeys = 1000
)

// Key is the i-th key, of KeyBytes.
func Key(i int) string { return fmt.Sprintf("key-%0*d", KeyBytes-len("key-"), i) }

// RandomKey is the i-th of keys that do not compress.
func RandomKey(i int) string { return string(letters(rand.New(rand.NewPCG(uint64(i), 3)), KeyBytes)) }

// Ask is a request of no body to an HTTP server as it goes over the wire.
func Ask(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
}

// Dialect is how to read and write a key in a server's protocol.
type Dialect struct {
	// Protocol takes the answers apart.
	Protocol *Protocol
	// Get asks for a key; the answer goes to the inbox.
	Get func(key string, inbox int) []byte
	// Put stores a value, which is JSON.
	Put func(key, value string, inbox int) []byte
}

// The dialects of the servers that are compared.
var (
	// Xylem is a node's, and the bare handler's.
	Xylem = Dialect{
		HTTP, func(key string, _ int) []byte { return Ask("/store/" + key) },
		func(key, value string, _ int) []byte { return PutRequest(key, value) },
	}
	// RedisServer is GET and SET.
	RedisServer = Dialect{
		Redis, func(key string, _ int) []byte { return RedisCommand("GET", key) },
		func(key, value string, _ int) []byte { return RedisCommand("SET", key, value) },
	}
	// MemcachedServer is get and set.
	MemcachedServer = Dialect{
		Memcached, func(key string, _ int) []byte { return []byte("get " + key + "\r\n") },
		func(key, value string, _ int) []byte {
			return fmt.Appendf(nil, "set %s 0 0 %d\r\n%s\r\n", key, len(value), value)
		},
	}
	// Etcd is the JSON gateway of etcd.
	Etcd = Dialect{
		HTTP, func(key string, _ int) []byte { return post("/v3/kv/range", `{"key":"`+base64ed(key)+`"}`) },
		func(key, value string, _ int) []byte {
			return post("/v3/kv/put", `{"key":"`+base64ed(key)+`","value":"`+base64ed(value)+`"}`)
		},
	}
	// NATSBucket is the key-value bucket "bench": the messages that the NATS clients send.
	NATSBucket = Dialect{
		NATS, func(key string, inbox int) []byte {
			return Publish("$JS.API.DIRECT.GET.KV_bench.$KV.bench."+key, Inbox(inbox), nil)
		},
		func(key, value string, inbox int) []byte {
			return Publish("$KV.bench."+key, Inbox(inbox), []byte(value))
		},
	}
)

// PutRequest is a PUT to a node as it goes over the wire.
func PutRequest(key, value string) []byte {
	body := `{"value":` + value + `}`
	return fmt.Appendf(nil, "PUT /store/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		key, len(body), body)
}

// RedisCommand is a command as it goes over the wire.
func RedisCommand(words ...string) []byte {
	text := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, word := range words {
		text = fmt.Appendf(text, "$%d\r\n%s\r\n", len(word), word)
	}
	return text
}

func post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func base64ed(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// letters is text of n letters that do not compress.
func letters(random *rand.Rand, n int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[random.Uint64()%uint64(len(alphabet))]
	}
	return text
}

// Values yields JSON strings of ValueBytes that do not compress. The same seed
// yields the same.
func Values(seed uint64) func() string {
	random := rand.New(rand.NewPCG(seed, 1))
	return func() string {
		value := letters(random, ValueBytes)
		value[0], value[ValueBytes-1] = '"', '"'
		return string(value)
	}
}

// Script gives each client of a load its requests, one after the other. It
// depends on the client's number only, so every contestant gets the same.
type Script func(client int) (next func() []byte)

// Reads asks for ManyKeys keys in turn. The requests are made beforehand.
func (d Dialect) Reads() Script {
	return func(client int) func() []byte {
		requests := make([][]byte, ManyKeys)
		for i := range requests {
			requests[i] = d.Get(Key(i), client)
		}
		i := client * 31
		return func() []byte {
			i++
			return requests[i%ManyKeys]
		}
	}
}

// Writes puts random values to random ones of ManyKeys keys. A client has a few
// requests made beforehand, for making them is work that the servers should have
// the processors for.
func (d Dialect) Writes() Script {
	const prepared = 64
	return func(client int) func() []byte {
		values, random := Values(uint64(client)), rand.New(rand.NewPCG(uint64(client), 2))
		requests := make([][]byte, prepared)
		for i := range requests {
			requests[i] = d.Put(Key(random.IntN(ManyKeys)), values(), client)
		}
		i := 0
		return func() []byte {
			i++
			return requests[i%prepared]
		}
	}
}

// Fill puts a value to each of n keys over one connection.
func (d Dialect) Fill(c *Connection, inbox, n int, key func(i int) string) error {
	next := Values(1)
	for i := range n {
		if _, err := c.Exchange(d.Put(key(i), next(), inbox)); err != nil {
			return fmt.Errorf("filling the store: %w", err)
		}
	}
	return nil
}
