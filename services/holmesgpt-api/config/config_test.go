package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

func load(t *testing.T, yaml string, env map[string]string) (config.Config, error) {
	t.Helper()
	all := map[string]string{}
	if yaml != "" {
		all["CONFIG_FILE"] = write(t, "config.yaml", yaml)
	}
	for key, value := range env {
		all[key] = value
	}
	return config.Load(settings.New(func(key string) (string, bool) { value, found := all[key]; return value, found }))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	key := write(t, "key", "sk-1\n")
	for name, test := range map[string]struct {
		yaml string
		env  map[string]string
		want func(*config.Config)
	}{
		"nothing":    {"", nil, func(*config.Config) {}},
		"empty file": {"{}", nil, func(*config.Config) {}},
		"file": {
			"llm: {model: m, endpoint: 'https://api.example.com/v1', secrets_file: " + key + ", timeout: 5s}\ndata_storage: {timeout: 1m}\naudit: {buffer_size: 60}", nil,
			func(c *config.Config) {
				c.LLM.Model, c.LLM.Endpoint, c.LLM.SecretsFile = "m", "https://api.example.com/v1", key
				c.LLM.Timeout = metav1.Duration{Duration: 5 * time.Second}
				c.DataStorage.Timeout = metav1.Duration{Duration: time.Minute}
				c.Audit.BufferSize = 60
			},
		},
		"environment wins": {
			"llm: {model: m, endpoint: 'http://a'}\ndata_storage: {url: 'http://b'}",
			map[string]string{"LLM_MODEL": "n", "LLM_ENDPOINT": "http://c:1", "LLM_PROVIDER": "openai", "DATA_STORAGE_URL": "http://d"},
			func(c *config.Config) {
				c.LLM.Model, c.LLM.Endpoint, c.DataStorage.URL = "n", "http://c:1", "http://d"
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, test.yaml, test.env)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Default()
			test.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	empty := write(t, "key", " \n")
	for name, test := range map[string]struct {
		yaml string
		env  map[string]string
		want []string
	}{
		"unknown field":     {"llm: {modl: x}", nil, []string{"modl"}},
		"not YAML":          {"llm: [", nil, []string{"config.yaml"}},
		"no such file":      {"", map[string]string{"CONFIG_FILE": "/nonexistent"}, []string{"CONFIG_FILE", "/nonexistent"}},
		"key in the file":   {"llm: {api_key: sk-1}", nil, []string{"api_key"}},
		"bad duration":      {"llm: {timeout: soon}", nil, []string{"soon"}},
		"no key file":       {"llm: {secrets_file: /nonexistent}", nil, []string{"llm.secrets_file", "/nonexistent"}},
		"empty key file":    {"llm: {secrets_file: " + empty + "}", nil, []string{"llm.secrets_file", empty}},
		"provider":          {"", map[string]string{"LLM_PROVIDER": "ollama"}, []string{"LLM_PROVIDER", `"ollama"`}},
		"password in a URL": {"", map[string]string{"LLM_ENDPOINT": "http://u:hunter2@llm"}, []string{"LLM_ENDPOINT"}},
		"key in a URL":      {"", map[string]string{"LLM_ENDPOINT": "http://llm?key=hunter2"}, []string{"LLM_ENDPOINT"}},
		"all at once": {
			"llm: {model: '', endpoint: nowhere, timeout: 0s}\ndata_storage: {url: 'ftp://x', timeout: -1s}\naudit: {flush_interval: 0s, batch_size: 0, buffer_size: -1}\ninvestigation: {timeout: 0s}",
			map[string]string{"LLM_PROVIDER": "x"},
			[]string{
				"llm.provider", "llm.model", "llm.endpoint", "llm.timeout", "data_storage.url", "data_storage.timeout",
				"audit.flush_interval", "audit.batch_size", "audit.buffer_size", "investigation.timeout",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.yaml, test.env)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want an error that names %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}
