package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		want func(*Config)
	}{
		"empty file": {"", func(*Config) {}},
		"one field keeps the other defaults": {
			"server: {listenAddr: ':9999', readTimeout: 5s}",
			func(c *Config) {
				c.Server.ListenAddr = ":9999"
				c.Server.ReadTimeout = metav1.Duration{Duration: 5 * time.Second}
			},
		},
		"nested": {
			"datastorage: {url: 'https://store:1'}\nprocessing: {namespace: other, deduplication: {tries: 3}}",
			func(c *Config) {
				c.DataStorage.URL = "https://store:1"
				c.Processing.Namespace = "other"
				c.Processing.Deduplication.Tries = 3
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := Default()
			test.want(&want)
			got, err := Parse([]byte(test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct{ yaml, want string }{
		"unknown field":     {"server: {listenAdr: ':1'}", "listenAdr"},
		"not YAML":          {"server: [", "yaml"},
		"no concurrency":    {"server: {maxConcurrentRequests: 0}", "server.maxConcurrentRequests"},
		"body too large":    {"server: {maxBodyBytes: 262145}", "server.maxBodyBytes"},
		"bad duration":      {"server: {readTimeout: soon}", "soon"},
		"negative timeout":  {"server: {readTimeout: -1s}", "server.readTimeout"},
		"relative URL":      {"datastorage: {url: 'store:8080'}", "datastorage.url"},
		"password in URL":   {"datastorage: {url: 'http://u:hunter2@store'}", "datastorage.url"},
		"no namespace":      {"processing: {namespace: ''}", "processing.namespace"},
		"backoff above cap": {"processing: {deduplication: {backoff: 2s}}", "processing.deduplication.backoff"},
		"lease too short":   {"processing: {deduplication: {leaseDuration: 10ms}}", "leaseDuration"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.yaml))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error: got %v, want one that names %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error holds the password: %v", err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(path, []byte("server: {listenAddr: ''}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, ""); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("invalid file: got %v, want an error that names it", err)
	}
	if _, err := Load(path+".absent", ""); err == nil {
		t.Error("absent file: got no error")
	}
	got, err := Load("", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("no file (-want +got):\n%s", diff)
	}
}

// The file has the last word about the namespace, the platform's name is the last resort.
func TestLoadNamespace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	for _, test := range []struct{ yaml, own, want string }{
		{"", "", Default().Processing.Namespace},
		{"", "own", "own"},
		{"processing: {namespace: other}", "own", "other"},
	} {
		if err := os.WriteFile(path, []byte(test.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path, test.own)
		if err != nil || got.Processing.Namespace != test.want {
			t.Errorf("%q in namespace %q: got %q, %v; want %q", test.yaml, test.own, got.Processing.Namespace, err, test.want)
		}
	}
}
