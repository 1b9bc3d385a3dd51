package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"xylem/client"
	"xylem/sync/version"
)

// newcomer writes keys once, some on the condition that they are new, and reads
// those that were acknowledged back where it wrote them.
func (l *load) newcomer(k int) func() {
	type kept struct {
		*attempt
		in *life
	}
	var acknowledged []kept
	rng := l.between()
	i := 0
	return func() {
		i++
		key, here := fmt.Sprintf("once-%d-%d", k, i), l.tree.node(k).life.Load()
		kind, opts := plain, []client.RequestOption(nil)
		if i%4 == 0 {
			kind, opts = conditional, append(opts, client.IfAbsent())
		}
		if a := l.write(kind, key, fmt.Sprintf("%q", key), k, opts...); a.told.acknowledged() {
			acknowledged = append(last(acknowledged, 50), kept{a, here})
		}
		if len(acknowledged) > 0 {
			a := acknowledged[rng.IntN(len(acknowledged))]
			l.readBack(a.attempt, a.in)
		}
	}
}

// readBack reads a write at the node that acknowledged it: it is there, at once.
// What was ordered while the client waited a node may have lost from its memory when it
// ended, until the next push; what it promised to have made durable it may not.
func (l *load) readBack(a *attempt, wroteIn *life) {
	var answer *client.Answer
	calm, took, err := l.exchange(a.node, func(c *client.Client) (err error) {
		answer, err = c.Get(context.Background(), a.key)
		return err
	})
	if !calm {
		return
	}
	sameLife := l.tree.node(a.node).life.Load() == wroteIn
	switch {
	case err == nil:
		l.history.count("reads back", took)
		l.history.saw(answer.Version, a.key, string(answer.Value))
	case !errors.Is(err, client.ErrNotFound):
		l.history.violate("a node that lives did not answer a read of %s: %v", a.key, err)
	case a.told == toldPending || sameLife:
		l.history.violate("NODE-%d does not show what it acknowledged: %v: %v", a.node, a, err)
	}
}

// rewriter writes the same few keys again and again: some alone, some against the
// rewriters of all other nodes. Now and then it deletes.
func (l *load) rewriter(k int) func() {
	i := 0
	return func() {
		i++
		key, value := fmt.Sprintf("own-%d-%d", k, i%15), fmt.Sprintf(`"%d of NODE-%d"`, i, k)
		if i%2 == 0 {
			key = fmt.Sprint("shared-", i/2%20)
		}
		if i%9 == 0 {
			value = ""
		}
		if i%7 == 0 {
			l.write(later, key, value, k, client.RespondAsync())
			return
		}
		l.write(plain, key, value, k)
	}
}

// session passes on the highest version that it ever received, at any node.
func (l *load) session(name string, rng *rand.Rand) func() {
	var highest version.Version
	seen := map[string]version.Version{}
	i := 0
	hear := func(f client.Freshness, at version.Version) { highest = version.Max(highest, version.Max(f.AsOf, at)) }
	read := func(key string, k int) {
		least := highest
		var answer *client.Answer
		calm, took, err := l.exchange(k, func(c *client.Client) (err error) {
			answer, err = c.Get(context.Background(), key, client.MinVersion(least), client.FreshWithin(300*time.Millisecond))
			return err
		})
		var p *client.Problem
		switch {
		case err == nil:
			l.history.count("session reads", took)
			l.history.saw(answer.Version, key, string(answer.Value))
			if answer.AsOf.Before(least) {
				l.history.violate("%s at NODE-%d asked for %s as of %v, and got %s of %v as of %v",
					name, k, key, least, answer.Value, answer.Version, answer.AsOf)
			}
			if !answer.Pending && answer.Version.Before(seen[key]) {
				l.history.wrongUnless(seen[key], "%s at NODE-%d asked for %s as of %v, where it had seen %v, and got %s of %v as of %v",
					name, k, key, least, seen[key], answer.Value, answer.Version, answer.AsOf)
				seen[key] = answer.Version
			}
			seen[key] = version.Max(seen[key], answer.Version)
			hear(answer.Freshness, answer.Version)
		case errors.As(err, &p) && p.Status == http.StatusNotFound:
			l.history.count("session reads", took)
			if p.AsOf.Before(least) {
				l.history.violate("%s at NODE-%d asked for %s as of %v, and got %v as of %v", name, k, key, least, err, p.AsOf)
			}
			if !seen[key].IsZero() {
				l.history.wrongUnless(seen[key], "%s at NODE-%d asked for %s as of %v, where it had seen %v, and got %v as of %v",
					name, k, key, least, seen[key], err, p.AsOf)
				delete(seen, key)
			}
			hear(p.Freshness, version.Version{})
		case errors.As(err, &p) && p.Status == http.StatusGatewayTimeout:
			l.history.count("session reads not fresh", took)
		case errors.Is(err, client.ErrAbandoned):
			l.history.count("sessions begun anew", took)
			l.history.wrongUnless(least, "%s: NODE-%d calls %v abandoned", name, k, least)
			highest = version.Version{}
			clear(seen)
		case calm:
			l.history.violate("%s: NODE-%d lives and did not answer a read of %s as of %v: %v", name, k, key, least, err)
		}
	}
	return func() {
		i++
		own := fmt.Sprint(name, "-", rng.IntN(5))
		switch k := 1 + rng.IntN(len(l.tree.nodes)); rng.IntN(4) {
		case 0:
			if a := l.write(plain, own, fmt.Sprintf(`"%s-%d"`, name, i), k); a.told == toldOrdered {
				seen[own] = version.Max(seen[own], a.version)
				hear(client.Freshness{}, a.version)
			}
		case 1:
			read(fmt.Sprintf("once-%d-%d", k, rng.IntN(i)), 1+rng.IntN(len(l.tree.nodes)))
		case 2:
			read(fmt.Sprintf("session-%d-%d", rng.IntN(sessions), rng.IntN(5)), k)
		default:
			read(own, k)
		}
	}
}

// counters are incremented by all adders.
const counters = 2

// counting increments counters, each time on the condition that nobody did meanwhile.
func (l *load) counting(name string, rng *rand.Rand) func() {
	i := 0
	var highest version.Version // else a node that lags would have it repeat conditions that fail
	return func() {
		i++
		key, k := fmt.Sprint("counter-", rng.IntN(counters)), 1+rng.IntN(len(l.tree.nodes))
		var answer *client.Answer
		_, _, err := l.exchange(k, func(c *client.Client) (err error) {
			answer, err = c.Get(context.Background(), key, client.MinVersion(highest), client.FreshWithin(300*time.Millisecond))
			return err
		})
		condition, number := client.IfAbsent(), 0
		switch {
		case err == nil:
			highest = version.Max(highest, version.Max(answer.AsOf, answer.Version))
			condition, number = client.IfMatch(answer.Version), numberOf(string(answer.Value))
			l.history.saw(answer.Version, key, string(answer.Value))
		case errors.Is(err, client.ErrAbandoned):
			l.history.wrongUnless(highest, "%s: NODE-%d calls %v abandoned", name, k, highest)
			highest = version.Version{}
			return
		case !errors.Is(err, client.ErrNotFound):
			return
		}
		value, _ := json.Marshal(numbered{number + 1, fmt.Sprint(name, "-", i)})
		if a := l.write(conditional, key, string(value), 1+rng.IntN(len(l.tree.nodes)), condition); a.told == toldOrdered {
			highest = version.Max(highest, a.version)
		}
	}
}
