package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"--dir", t.TempDir(), "--storage", "uncompressed"}, w) }()
	lines := bufio.NewScanner(r)
	var endpoints []string
	for len(endpoints) < 2 && lines.Scan() {
		endpoints = append(endpoints, lines.Text())
	}
	if !strings.HasPrefix(endpoints[0], "grpc://127.0.0.1:") || !strings.HasPrefix(endpoints[1], "http://127.0.0.1:") {
		t.Fatalf("got endpoints %q", endpoints)
	}
	resp, err := http.Get(endpoints[1] + "/cas/" + strings.Repeat("0", 64))
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, %v for an absent blob, want 404", resp, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(endpoints[1] + "/status"); err == nil {
		t.Error("got an answer after the end")
	}
}

func TestRunRefuses(t *testing.T) {
	if err := run(t.Context(), []string{"--storage", "gzip"}, io.Discard); err == nil {
		t.Error("got a server that stores as gzip")
	}
}
