// Package github opens GitHub's REST API, https://docs.github.com/en/rest, where a workflow's variables say it is.
package github

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/go-github/v74/github"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// API is the address outside of Enterprise servers.
const API = "https://api.github.com"

// repository is what GITHUB_REPOSITORY looks like. GitHub keeps upper case here.
var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)

// IsRepository reports whether a name is OWNER/NAME.
func IsRepository(name string) bool { return repository.MatchString(name) }

// Address is GITHUB_API_URL, which a workflow's steps have, else API.
func Address(getenv func(string) string) string { return cmp.Or(getenv("GITHUB_API_URL"), API) }

// NewClient asks nothing yet. An empty token is nobody's. The address must be https://, or http:// on loopback, since it gets the
// token.
func NewClient(address, token string, transport http.RoundTripper) (*github.Client, error) {
	base, err := url.Parse(strings.TrimSuffix(address, "/") + "/")
	if err != nil || base.Host == "" || base.Scheme != "https" && !(base.Scheme == "http" && plan.Loopback(base.Host)) {
		return nil, errors.New("GITHUB_API_URL must be an https:// address such as " + API)
	}
	client := github.NewClient(&http.Client{Transport: transport})
	if token != "" {
		client = client.WithAuthToken(token)
	}
	client.BaseURL = base
	return client, nil
}

// Answered is an answer that refuses, as one line without URLs.
func Answered(doing string, resp *http.Response, message string) error {
	return fmt.Errorf("%s: %d %s (%s)", doing, resp.StatusCode, http.StatusText(resp.StatusCode), strings.Join(strings.Fields(message), " "))
}
