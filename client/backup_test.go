package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestBackupIsStreamed(t *testing.T) {
	f := &fake{status: 200, body: "bytes", header: map[string]string{"Xylem-Node": "NODE-6", "Xylem-Version": "1.44"}}
	b, err := serve(t, f).Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Body.Close()
	got, err := io.ReadAll(b.Body)
	if err != nil || string(got) != "bytes" || b.Node != "NODE-6" || b.AsOf.String() != "1.44" || f.last.URL.Path != "/backup" {
		t.Errorf("%q of %+v, %v", got, b.Freshness, err)
	}
	f.status, f.body = 503, `{"detail":"this node holds no state"}`
	if _, err := serve(t, f).Backup(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "holds no state") {
		t.Errorf("without a state: %v", err)
	}
	if _, err := New("nowhere").Backup(t.Context()); !errors.Is(err, ErrBaseURL) {
		t.Errorf("%v, want ErrBaseURL", err)
	}
}

// The time-out is for each part of the answer: the whole may take longer, a silence
// may not.
func TestBackupMayTakeLongerThanTheTimeout(t *testing.T) {
	const timeout = 500 * time.Millisecond
	part := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case text := <-part:
				_, _ = io.WriteString(w, text)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	go func() { part <- "0" }()
	b, err := newClient(t, server.URL, WithTimeout(timeout)).Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Body.Close()
	read := make([]byte, 1)
	for began := time.Now(); time.Since(began) < 2*timeout; {
		go func() { part <- "1" }()
		if _, err := b.Body.Read(read); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
	_, err = io.ReadAll(b.Body)
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after a silence: %v, want ErrUnreachable and no answer in time", err)
	}
}

func TestBackupThatIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	b, err := newClient(t, server.URL).Backup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Body.Close()
	cancel()
	if _, err := io.ReadAll(b.Body); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("%v, want what the caller did", err)
	}
}
