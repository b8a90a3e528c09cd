package registry

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

// Repository is where images are pushed.
type Repository struct {
	Host string // as named by the user, with the port: "localhost:5000", "index.docker.io"
	Name string // "team/app"
}

// The grammar of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests.
var (
	namePattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagPattern  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// ParseRepository parses "host/name". A name without a host is Docker Hub's.
func ParseRepository(text string) (Repository, error) {
	first, rest, found := strings.Cut(text, "/")
	repo := Repository{Host: first, Name: rest}
	if !found || !strings.ContainsAny(first, ".:") && first != "localhost" {
		repo = Repository{Host: "index.docker.io", Name: text}
	}
	if repo.Host == "docker.io" {
		repo.Host = "index.docker.io"
	}
	if repo.Host == "index.docker.io" && !strings.Contains(repo.Name, "/") {
		repo.Name = "library/" + repo.Name
	}
	if !namePattern.MatchString(repo.Name) {
		return Repository{}, fmt.Errorf("parsing repository %q: must be HOST/NAME without tag or digest", text)
	}
	return repo, nil
}

// String returns the repository as users write it.
func (r Repository) String() string { return r.Host + "/" + r.Name }

// Loopback reports whether the registry is on this machine; such registries are spoken to by plain HTTP.
func (r Repository) Loopback() bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// CheckTag returns an error when tag is not a tag.
func CheckTag(tag string) error {
	if !tagPattern.MatchString(tag) {
		return fmt.Errorf("parsing tag %q: letters, digits, '_', '.' and '-' expected", tag)
	}
	return nil
}
