package source

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// endpoint is a cache's address, taken apart.
type endpoint struct {
	scheme string // grpc, grpcs, http, https or unix
	host   string // with port; of unix the path
	path   string // of http and https, without a slash at its end
	user   *url.Userinfo
}

func (e endpoint) hostname() string {
	if e.scheme == "unix" {
		return ""
	}
	return (&url.URL{Host: e.host}).Hostname()
}

// String has neither user nor password.
func (e endpoint) String() string {
	if e.scheme == "unix" {
		return "unix:" + e.host
	}
	return e.scheme + "://" + e.host + e.path
}

func parseEndpoint(text string) (endpoint, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok && path != "" {
		return endpoint{scheme: "unix", host: path}, nil
	}
	full := text
	if !strings.Contains(text, "://") {
		full = "grpcs://" + text
	}
	u, err := url.Parse(full)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"grpc", "grpcs", "http", "https"}, u.Scheme) {
		// url's own error repeats the password
		return endpoint{}, fmt.Errorf("checking remote cache %q: it must be grpc://, grpcs://, http://, https:// with a host, or unix:", redact(text))
	}
	at := endpoint{scheme: u.Scheme, host: u.Host, path: strings.TrimRight(u.EscapedPath(), "/"), user: u.User}
	if strings.HasPrefix(at.scheme, "grpc") {
		at.path = ""
	}
	if at.scheme == "grpc" && u.Port() == "" {
		at.host += ":80"
	} else if at.scheme == "grpcs" && u.Port() == "" {
		at.host += ":443"
	}
	return at, nil
}

// redact takes user and password out of an endpoint that may not even be a URL.
func redact(endpoint string) string {
	if at := strings.LastIndex(endpoint, "@"); at >= 0 {
		scheme, _, ok := strings.Cut(endpoint, "://")
		if ok {
			return scheme + "://" + endpoint[at+1:]
		}
		return endpoint[at+1:]
	}
	return endpoint
}
