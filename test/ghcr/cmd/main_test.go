package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/test/ghcr"
)

func TestRun(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(`{"Accounts": [{"User": "octocat", "Token": "secret", "Scopes": ["read:packages"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"--config=" + config}, w) }()
	lines := bufio.NewScanner(r)
	var printed []string
	for len(printed) < 2 && lines.Scan() {
		printed = append(printed, lines.Text())
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, printed[1]+"/user", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("X-OAuth-Scopes") != "read:packages" {
		t.Errorf("got %v, %v", resp, err)
	}
	resp, err = http.Get("http://" + printed[0] + "/counts")
	if err != nil {
		t.Fatal(err)
	}
	var counts map[string]ghcr.Count
	if err := json.NewDecoder(resp.Body).Decode(&counts); err != nil || counts[""].Requests["GET api"] != 1 {
		t.Errorf("got %v, %v", counts, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(`{"TagLagg": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"--config=" + config}, io.Discard); err == nil || !strings.Contains(err.Error(), "TagLagg") {
		t.Errorf("got %v, want the field that does not exist", err)
	}
}
