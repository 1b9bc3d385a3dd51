package main

import (
	"fmt"
	"math/rand/v2"
)

const (
	keyBytes   = 16
	valueBytes = 100 // as JSON, with its quotes
	manyKeys   = 1000
)

// keyName is the i-th key, of keyBytes.
func keyName(i int) string { return fmt.Sprintf("key-%0*d", keyBytes-len("key-"), i) }

// getRequest is a GET as it goes over the wire.
func getRequest(key string) []byte {
	return []byte("GET /store/" + key + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
}

// putRequest is a PUT of a value, which is JSON, as it goes over the wire.
func putRequest(key, value string) []byte {
	body := `{"value":` + value + `}`
	return fmt.Appendf(nil, "PUT /store/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		key, len(body), body)
}

// letters is text of n letters that do not compress.
func letters(random *rand.Rand, n int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[random.Uint64()%uint64(len(alphabet))]
	}
	return text
}

// randomKey is the i-th of keys that do not compress.
func randomKey(i int) string { return string(letters(rand.New(rand.NewPCG(uint64(i), 3)), keyBytes)) }

// stock yields values, JSON strings of valueBytes that do not compress. The same
// seed yields the same.
func stock(seed uint64) func() string {
	random := rand.New(rand.NewPCG(seed, 1))
	return func() string {
		value := letters(random, valueBytes)
		value[0], value[valueBytes-1] = '"', '"'
		return string(value)
	}
}

// script gives each client of a load its requests, one after the other. It
// depends on the client's number only, so every contestant gets the same.
type script func(client int) (next func() []byte)

// reads asks for manyKeys keys in turn. The requests are made beforehand.
func reads() script {
	requests := make([][]byte, manyKeys)
	for i := range requests {
		requests[i] = getRequest(keyName(i))
	}
	return func(client int) func() []byte {
		i := client * 31
		return func() []byte {
			i++
			return requests[i%manyKeys]
		}
	}
}

// writes puts random values to random ones of manyKeys keys. A client has a few
// requests made beforehand, for making them is work that the servers should have
// the processors for.
func writes() script {
	const prepared = 64
	return func(client int) func() []byte {
		values, random := stock(uint64(client)), rand.New(rand.NewPCG(uint64(client), 2))
		requests := make([][]byte, prepared)
		for i := range requests {
			requests[i] = putRequest(keyName(random.IntN(manyKeys)), values())
		}
		i := 0
		return func() []byte {
			i++
			return requests[i%prepared]
		}
	}
}
