// Package config reads the gateway's configuration file.
//
// Every field has a default, so that an empty file is a valid one. An unknown field is an error: a misspelt setting that
// is silently ignored costs more than a start that fails. Secrets do not belong here; the tokens are files.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Config is the file's content.
type Config struct {
	Server      Server      `json:"server"`
	DataStorage DataStorage `json:"datastorage"`
	Processing  Processing  `json:"processing"`
}

// Server says how HTTP is served.
type Server struct {
	ListenAddr            string          `json:"listenAddr"`
	MaxConcurrentRequests int             `json:"maxConcurrentRequests"` // signals under way; more are answered 503
	MaxBodyBytes          int64           `json:"maxBodyBytes"`
	ReadTimeout           metav1.Duration `json:"readTimeout"`
	DrainDelay            metav1.Duration `json:"drainDelay"` // between readiness 503 and the listener's end
}

// DataStorage says where audit events go.
type DataStorage struct {
	URL       string `json:"url"`
	TokenFile string `json:"tokenFile"` // empty: the pod's ServiceAccount token
}

// Processing says what becomes of a signal.
type Processing struct {
	Namespace     string        `json:"namespace"` // of the RemediationRequests; the gateway's own when not set
	Deduplication Deduplication `json:"deduplication"`
}

// Deduplication bounds the wait for another replica that handles the same signal.
type Deduplication struct {
	Tries         int             `json:"tries"`
	Backoff       metav1.Duration `json:"backoff"`
	MaxBackoff    metav1.Duration `json:"maxBackoff"`
	LeaseDuration metav1.Duration `json:"leaseDuration"`
}

// maxPayload is the longest originalPayload that a RemediationRequest admits, in characters.
const maxPayload = 256 << 10

// Default returns what an empty file means.
func Default() Config {
	return Config{
		Server: Server{
			ListenAddr:            fmt.Sprintf(":%d", names.HTTPPort),
			MaxConcurrentRequests: 100,
			MaxBodyBytes:          maxPayload,
			ReadTimeout:           metav1.Duration{Duration: 30 * time.Second},
			DrainDelay:            metav1.Duration{Duration: 3 * time.Second},
		},
		DataStorage: DataStorage{URL: names.ServiceURL(names.DataStorageService)},
		Processing: Processing{
			Namespace: names.Namespace,
			Deduplication: Deduplication{
				Tries:         10,
				Backoff:       metav1.Duration{Duration: 100 * time.Millisecond},
				MaxBackoff:    metav1.Duration{Duration: time.Second},
				LeaseDuration: metav1.Duration{Duration: 15 * time.Second},
			},
		},
	}
}

// Load reads the file at path on top of the defaults. An empty path means the defaults alone. namespace is the one that
// the gateway runs in; "" leaves the platform's.
func Load(path, namespace string) (Config, error) {
	cfg := Default()
	if namespace != "" {
		cfg.Processing.Namespace = namespace
	}
	if path == "" {
		return cfg, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading configuration: %w", err)
	}
	if cfg, err = cfg.with(data); err != nil {
		return Config{}, fmt.Errorf("reading configuration %q: %w", path, err)
	}
	return cfg, nil
}

// Parse reads YAML on top of the defaults and reports every invalid field.
func Parse(data []byte) (Config, error) { return Default().with(data) }

func (c Config) with(data []byte) (Config, error) {
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		return Config{}, err
	}
	return c, c.validate()
}

func (c Config) validate() error {
	lease := c.Processing.Deduplication
	return errors.Join(
		check(c.Server.ListenAddr != "", "server.listenAddr must be host:port or :port"),
		check(c.Server.MaxConcurrentRequests > 0, "server.maxConcurrentRequests must be positive, got %d", c.Server.MaxConcurrentRequests),
		check(c.Server.MaxBodyBytes > 0 && c.Server.MaxBodyBytes <= maxPayload, "server.maxBodyBytes must be 1 to %d, got %d", maxPayload, c.Server.MaxBodyBytes),
		check(c.Server.ReadTimeout.Duration > 0, "server.readTimeout must be positive, got %s", c.Server.ReadTimeout.Duration),
		check(c.Server.DrainDelay.Duration > 0, "server.drainDelay must be positive, got %s", c.Server.DrainDelay.Duration),
		check(httpURL(c.DataStorage.URL), "datastorage.url must be http(s)://host[:port], without user info"),
		check(c.Processing.Namespace != "", "processing.namespace must not be empty"),
		check(lease.Tries > 0, "processing.deduplication.tries must be positive, got %d", lease.Tries),
		check(lease.Backoff.Duration > 0 && lease.Backoff.Duration <= lease.MaxBackoff.Duration,
			"processing.deduplication.backoff must be positive and at most maxBackoff, got %s and %s", lease.Backoff.Duration, lease.MaxBackoff.Duration),
		check(lease.LeaseDuration.Duration >= time.Second, "processing.deduplication.leaseDuration must be at least 1s, got %s", lease.LeaseDuration.Duration),
	)
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func httpURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != "" && parsed.User == nil
}
