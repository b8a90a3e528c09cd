package source

import (
	"crypto/tls"
	"testing"
)

// The cases are Bazel's own rules for --credential_helper.
func TestFindHelper(t *testing.T) {
	helpers := []Helper{
		{"", "default"}, {"cache.example.com", "overridden"}, {"cache.example.com", "exact"},
		{"*.example.com", "wildcard"}, {"*.eu.example.com", "closer"}, {"10.0.0.1", "address"},
	}
	for _, tc := range []struct {
		host, want string
		helpers    []Helper
	}{
		{"cache.example.com", "exact", helpers},
		{"CACHE.Example.com", "exact", helpers},
		{"other.example.com", "wildcard", helpers},
		{"example.com", "wildcard", helpers},
		{"a.b.eu.example.com", "closer", helpers},
		{"eu.example.com", "closer", helpers},
		{"badexample.com", "default", helpers},
		{"com", "default", helpers},
		{"10.0.0.1", "address", helpers},
		{"", "default", helpers},
		{"localhost", "", helpers[1:]},
		{"", "", helpers[1:]},
		{"example.com", "", nil},
	} {
		got, ok := findHelper(tc.helpers, tc.host)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("got %q, %t for %q, want %q", got, ok, tc.host, tc.want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"grpc://cache:9092":              "grpc://cache:9092",
		"grpc://cache":                   "grpc://cache:80",
		"cache":                          "grpcs://cache:443",
		"cache.example.com:8980":         "grpcs://cache.example.com:8980",
		"grpcs://u:secret@cache/ignored": "grpcs://cache:443",
		"https://u:secret@cache/a/b/":    "https://cache/a/b",
		"http://[::1]:8080":              "http://[::1]:8080",
		"unix:/run/cache.sock":           "unix:/run/cache.sock",
	} {
		got, err := parseEndpoint(text)
		if err != nil || got.String() != want {
			t.Errorf("got %s, %v for %s, want %s", got, err, text, want)
		}
	}
}

// A helper is asked about the URI that Bazel names.
func TestHelperURI(t *testing.T) {
	for text, want := range map[string]string{
		"cache.example.com":             "https://cache.example.com/google.bytestream.ByteStream",
		"grpcs://cache.example.com:443": "https://cache.example.com/google.bytestream.ByteStream",
		"grpc://cache.example.com:8980": "https://cache.example.com:8980/google.bytestream.ByteStream",
	} {
		at, err := parseEndpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		cache, err := openREAPI(Cache{}, at, &tls.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer cache.Close()
		if got := cache.fetcher.(*reapiFetcher).account.uri; got != want {
			t.Errorf("got %s for %s, want %s", got, text, want)
		}
	}
}
