package node

import (
	"errors"
	"testing"

	"xylem/client"
	"xylem/sync/version"
)

// wantRefusal wants a request to have been refused with a status, and with a
// problem of a type.
func wantRefusal(t *testing.T, status int, slug string) func(*client.Answer, error) *client.Problem {
	t.Helper()
	return func(answer *client.Answer, err error) *client.Problem {
		t.Helper()
		var problem *client.Problem
		if !errors.As(err, &problem) || problem.Status != status || problem.Type != problemType+slug {
			t.Fatalf("answered %+v, %v; want %d %s", answer, err, status, slug)
		}
		return problem
	}
}

func TestAConditionIsDecidedAtTheRoot(t *testing.T) {
	tr := startTree(t, 3, onlyTicks())
	ctx, leaf, other := t.Context(), tr.client(7), tr.client(4)

	created, err := leaf.Put(ctx, "lock", []byte(`"mine"`), client.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	// NODE-4 has not heard of it: only the root can know.
	refused := wantRefusal(t, 412, "condition-not-met")(other.Put(ctx, "lock", []byte(`"mine, too"`), client.IfAbsent()))
	if refused.Extension("version") != created.Version.String() || refused.ETag != created.ETag {
		t.Errorf("refused with %+v, want it to name version %v", refused, created.Version)
	}
	updated, err := other.Put(ctx, "lock", []byte(`"yours"`), client.IfMatch(created.Version))
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, 412, "condition-not-met")(leaf.Put(ctx, "lock", []byte(`"mine"`), client.IfMatch(created.Version)))
	wantRefusal(t, 412, "condition-not-met")(leaf.Delete(ctx, "lock", client.IfMatch(created.Version)))
	tr.want("lock", "yours", 1, 2, 4)
	tr.want("lock", "mine", 7) // as of its own write

	if _, err := leaf.Delete(ctx, "lock", client.IfMatch(updated.Version)); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, 412, "condition-not-met")(leaf.Put(ctx, "lock", []byte(`1`), client.IfMatch(updated.Version)))
	if _, err := leaf.Put(ctx, "lock", []byte(`"mine again"`), client.IfAbsent()); err != nil {
		t.Errorf("a deleted key is not absent: %v", err)
	}
	tr.tick()
	tr.awaitEqual()
	tr.want("lock", "mine again", tr.all()...)
}

func TestARefusedWriteTakesNoVersion(t *testing.T) {
	tr := startTree(t, 2)
	first := tr.put(2, "greeting", "hello-world")
	for range 10 {
		wantRefusal(t, 412, "condition-not-met")(tr.client(3).Put(t.Context(), "greeting", []byte(`1`), client.IfAbsent()))
	}
	if second := tr.put(2, "greeting", "hello-mars"); second.Version.Seq != first.Version.Seq+1 {
		t.Errorf("%v was followed by %v", first.Version, second.Version)
	}
}

func TestAReaderThatHasTheVersionIsAnsweredWithoutValue(t *testing.T) {
	tr := startTree(t, 2)
	wrote := tr.put(3, "greeting", "hello-world")
	same, err := tr.client(3).Get(t.Context(), "greeting", client.IfNoneMatch(wrote.Version))
	if err != nil || same.Status != 304 || same.Value != nil || same.ETag != wrote.ETag || same.AsOf.IsZero() {
		t.Errorf("answered %+v, %v", same, err)
	}
	older := version.Version{Epoch: wrote.Version.Epoch, Seq: wrote.Version.Seq - 1}
	other, err := tr.client(3).Get(t.Context(), "greeting", client.IfNoneMatch(older))
	if err != nil || other.Status != 200 || string(other.Value) != `"hello-world"` {
		t.Errorf("answered %+v, %v", other, err)
	}
}
