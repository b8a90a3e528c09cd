package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Cache is a remote cache in the words of Bazel's flags (https://bazel.build/reference/command-line-reference). All but
// Endpoint may be zero.
type Cache struct {
	Endpoint    string        // --remote_cache: "grpc://host:port", "grpcs://…", "http://…", "https://…", "unix:…"; no scheme is grpcs, as in Bazel
	Instance    string        // --remote_instance_name
	Headers     []Header      // --remote_header, --remote_cache_header
	Timeout     time.Duration // --remote_timeout: of one silent wait (no byte for so long); 0 is 60 s
	Compression bool          // --remote_cache_compression: gRPC alone, when the server has zstd

	CA                string // --tls_certificate: PEM file of authorities, instead of the machine's
	ClientCertificate string // --tls_client_certificate: PEM file, with ClientKey
	ClientKey         string // --tls_client_key: PEM file

	Helpers []Helper // --credential_helper
}

// CacheBlobs is a remote cache. Close ends its connections; blobs that are being read end in an error.
type CacheBlobs interface {
	Blobs
	io.Closer
}

// OpenCache checks c and reads its files. It connects with the first blob.
func OpenCache(c Cache) (CacheBlobs, error) {
	at, err := parseEndpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	if err := checkHelpers(c.Helpers); err != nil {
		return nil, err
	}
	for _, h := range c.Headers {
		if h.Name == "" || strings.ContainsAny(h.Name+h.Value, "\r\n\x00") {
			return nil, fmt.Errorf("checking remote cache %q: the header %q is not one", at, h.Name)
		}
	}
	config, err := c.tls()
	if err != nil {
		return nil, fmt.Errorf("checking remote cache %q: %w", at, err)
	}
	if at.scheme == "http" || at.scheme == "https" {
		return openHTTP(c, at, config), nil
	}
	return openREAPI(c, at, config)
}

// tls reads the files at once: a wrong path is a usage error, not one of the first blob.
func (c Cache) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		data, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("reading %q: no PEM certificate in it", c.CA)
		}
	}
	if (c.ClientCertificate == "") != (c.ClientKey == "") {
		return nil, errors.New("a client certificate needs its key, and a key its certificate")
	}
	if c.ClientCertificate != "" {
		pair, err := tls.LoadX509KeyPair(c.ClientCertificate, c.ClientKey)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
