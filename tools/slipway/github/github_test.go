package github_test

import (
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/github"
)

// The token goes to no address that others could read it on the way to.
func TestNewClient(t *testing.T) {
	for address, want := range map[string]bool{
		"https://api.github.com": true, "https://github.example/api/v3/": true, "http://127.0.0.1:5000/api/v3": true,
		"http://api.github.com": false, "ftp://127.0.0.1": false, "api.github.com": false, "": false, "https://": false,
	} {
		if _, err := github.NewClient(address, "token", nil); (err == nil) != want {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

func TestAddress(t *testing.T) {
	for variable, want := range map[string]string{"": github.API, "https://github.example/api/v3": "https://github.example/api/v3"} {
		if got := github.Address(func(string) string { return variable }); got != want {
			t.Errorf("%q: got %q, want %q", variable, got, want)
		}
	}
}
