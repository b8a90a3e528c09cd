// Package config reads holmesgpt-api's configuration: a YAML file named by CONFIG_FILE, and environment variables on top.
//
// Every field has a default, so that an empty file, and none, are valid. An unknown field is an error. All invalid values
// are reported at once, each by its key in the file and by the variable that may have set it.
//
// The model's key comes from OPENAI_API_KEY or from the file that llm.secrets_file names, never from the YAML file. It is
// kept out of Config, so that Config can be shown.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// ProviderOpenAI is the one protocol that is spoken: OpenAI's chat completions, which many servers offer.
const ProviderOpenAI = "openai"

// Config is the file's content.
type Config struct {
	LLM           LLM           `json:"llm"`
	DataStorage   DataStorage   `json:"data_storage"`
	Audit         Audit         `json:"audit"`
	Investigation Investigation `json:"investigation"`
}

// LLM says which model is asked.
type LLM struct {
	// Provider must be ProviderOpenAI.
	Provider string `json:"provider"`
	// Model is the model's name at the endpoint.
	Model string `json:"model"`
	// Endpoint is the server's base URL; without a path, /v1 is added.
	Endpoint string `json:"endpoint"`
	// SecretsFile holds the key and nothing else; empty means that the endpoint needs none, or OPENAI_API_KEY has it.
	SecretsFile string `json:"secrets_file,omitempty"`
	// Timeout bounds one call.
	Timeout metav1.Duration `json:"timeout"`
}

// DataStorage says where the catalogue is, and where audit events go.
type DataStorage struct {
	URL string `json:"url"`
	// TokenFile holds the bearer token; empty means the pod's ServiceAccount token.
	TokenFile string `json:"token_file,omitempty"`
	// Timeout bounds one call.
	Timeout metav1.Duration `json:"timeout"`
}

// Audit says how audit events are buffered.
type Audit struct {
	// FlushInterval is the longest time that an event waits for its batch to fill.
	FlushInterval metav1.Duration `json:"flush_interval"`
	BatchSize     int             `json:"batch_size"`
	// BufferSize is the number of events that may wait; more are dropped and counted.
	BufferSize int `json:"buffer_size"`
}

// Investigation bounds one investigation.
type Investigation struct {
	Timeout metav1.Duration `json:"timeout"`
}

// Default returns what an empty file means.
func Default() Config {
	return Config{
		LLM: LLM{
			Provider: ProviderOpenAI,
			Model:    "mock-model",
			Endpoint: names.ServiceURL(names.MockLLMService),
			Timeout:  metav1.Duration{Duration: 30 * time.Second},
		},
		DataStorage: DataStorage{
			URL:     names.ServiceURL(names.DataStorageService),
			Timeout: metav1.Duration{Duration: 10 * time.Second},
		},
		Audit: Audit{FlushInterval: metav1.Duration{Duration: time.Second}, BatchSize: 50, BufferSize: 10_000},
		// aianalysis waits 60 s for an answer.
		Investigation: Investigation{Timeout: metav1.Duration{Duration: 55 * time.Second}},
	}
}

// Load reads the file that CONFIG_FILE names, then LLM_PROVIDER, LLM_MODEL, LLM_ENDPOINT and DATA_STORAGE_URL.
func Load(env *settings.Reader) (Config, error) {
	cfg := Default()
	if path := env.String("CONFIG_FILE", ""); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("reading configuration of CONFIG_FILE: %w", err)
		}
		if err := yaml.UnmarshalStrict(data, &cfg); err != nil {
			return Config{}, fmt.Errorf("reading configuration %q: %w", path, err)
		}
	}
	cfg.LLM.Provider = env.String("LLM_PROVIDER", cfg.LLM.Provider)
	cfg.LLM.Model = env.String("LLM_MODEL", cfg.LLM.Model)
	cfg.LLM.Endpoint = env.String("LLM_ENDPOINT", cfg.LLM.Endpoint)
	cfg.DataStorage.URL = env.String("DATA_STORAGE_URL", cfg.DataStorage.URL)
	return cfg, cfg.validate()
}

func (c Config) validate() error {
	return errors.Join(
		check(c.LLM.Provider == ProviderOpenAI, "llm.provider (LLM_PROVIDER) must be %s, got %q", ProviderOpenAI, c.LLM.Provider),
		check(strings.TrimSpace(c.LLM.Model) != "", "llm.model (LLM_MODEL) must not be empty"),
		check(httpURL(c.LLM.Endpoint), "llm.endpoint (LLM_ENDPOINT) must be http(s)://host[:port][/path], without user info and query"),
		secret(c.LLM.SecretsFile),
		check(c.LLM.Timeout.Duration > 0, "llm.timeout must be positive, got %s", c.LLM.Timeout.Duration),
		check(httpURL(c.DataStorage.URL), "data_storage.url (DATA_STORAGE_URL) must be http(s)://host[:port], without user info and query"),
		check(c.DataStorage.Timeout.Duration > 0, "data_storage.timeout must be positive, got %s", c.DataStorage.Timeout.Duration),
		check(c.Audit.FlushInterval.Duration > 0, "audit.flush_interval must be positive, got %s", c.Audit.FlushInterval.Duration),
		check(c.Audit.BatchSize > 0 && c.Audit.BatchSize <= 1000, "audit.batch_size must be 1 to 1000, got %d", c.Audit.BatchSize),
		check(c.Audit.BufferSize >= c.Audit.BatchSize, "audit.buffer_size must be at least audit.batch_size, got %d", c.Audit.BufferSize),
		check(c.Investigation.Timeout.Duration > 0, "investigation.timeout must be positive, got %s", c.Investigation.Timeout.Duration),
	)
}

// secret says whether the key can be read now; later it is read at every call.
func secret(path string) error {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("llm.secrets_file must be a file that can be read: %w", err)
	}
	return check(strings.TrimSpace(string(data)) != "", "llm.secrets_file must hold the key, %q is empty", path)
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func httpURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != "" && parsed.User == nil &&
		parsed.RawQuery == "" && parsed.Fragment == ""
}
