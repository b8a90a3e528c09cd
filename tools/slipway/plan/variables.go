package plan

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	exampleRegistry = "export IMAGE_REGISTRY=localhost:5001/kubernaut"
	exampleTag      = "export IMAGE_TAG=pr-123"

	maxTag        = 128
	maxRepository = 255 // https://github.com/distribution/reference/blob/v0.6.0/reference.go, RepositoryNameTotalLengthMax
)

var (
	hostname = regexp.MustCompile(`^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$`)
	tag      = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	scheme   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// setting is one way to name a registry or a tag.
type setting struct {
	name  string   // as messages call it: "IMAGE_REGISTRY"
	give  string   // what stands before a value that is typed: "export IMAGE_REGISTRY="
	other []string // hints beside a corrected value
}

var (
	unsetBoth        = []string{"unset IMAGE_REGISTRY IMAGE_TAG"}
	registryVariable = setting{name: "IMAGE_REGISTRY", give: "export IMAGE_REGISTRY=", other: unsetBoth}
	tagVariable      = setting{name: "IMAGE_TAG", give: "export IMAGE_TAG=", other: unsetBoth}
	registryFlag     = setting{name: "--registry", give: "--registry="}
	tagFlag          = setting{name: "--tag", give: "--tag="}
)

func (s setting) error(message, correction string) error {
	return &InputError{Message: s.name + " " + message, Hints: append([]string{s.give + correction}, s.other...)}
}

// CheckRegistry reports an IMAGE_REGISTRY that cannot stand before "/<image>" in a reference: host[:port][/path], lower
// case, no scheme (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests). The first
// hint is the corrected value when there is an obvious one.
func CheckRegistry(value string) error { return registryVariable.checkRegistry(value) }

func (s setting) checkRegistry(value string) error {
	const example = "localhost:5001/kubernaut"
	problem := registryProblem(value)
	if problem == "" {
		return nil
	}
	if hasCredentials(value) {
		return s.error(problem, example)
	}
	corrected := example
	if repaired := repair(value); registryProblem(repaired) == "" {
		corrected = repaired
	}
	return s.error(fmt.Sprintf("%s, got %q", problem, value), corrected)
}

func hasCredentials(value string) bool { return strings.Contains(value, "@") }

// repair does what a person would do to the value: cut scheme, white space and slashes, lower the case.
func repair(value string) string {
	value = scheme.ReplaceAllString(strings.TrimSpace(value), "")
	return strings.ToLower(strings.Trim(strings.ReplaceAll(value, " ", ""), "/"))
}

func registryProblem(value string) string {
	switch {
	case hasCredentials(value):
		return "must not hold credentials or a digest (@)"
	case scheme.MatchString(value):
		return "must not have a scheme"
	case strings.ContainsAny(value, " \t\r\n\v\f"):
		return "must not hold white space"
	case strings.HasSuffix(value, "/"):
		return "must not end with a slash"
	case value != strings.ToLower(value):
		return "must be lower case"
	}
	host, rest, _ := strings.Cut(value, "/")
	if problem := hostProblem(host); problem != "" {
		return problem
	}
	if len(rest) > maxRepository-64 {
		return fmt.Sprintf("must have a path of at most %d characters", maxRepository-64)
	}
	if rest == "" {
		return ""
	}
	for part := range strings.SplitSeq(rest, "/") {
		if !component.MatchString(part) {
			return fmt.Sprintf("must have path parts of letters and digits with single separators (. _ __ -), not %q", part)
		}
	}
	return ""
}

// repositoryProblem is registryProblem's of a whole repository without tag and digest: "gcr.io/distroless/static".
func repositoryProblem(value string) string {
	if problem := registryProblem(value); problem != "" {
		return problem
	}
	if !strings.Contains(value, "/") {
		return "must have a path after its host"
	}
	return ""
}

func hostProblem(host string) string {
	name, port, hasPort := host, "", false
	if strings.HasPrefix(host, "[") {
		inner, after, closed := strings.Cut(host[1:], "]")
		ip, err := netip.ParseAddr(inner)
		if !closed || err != nil || !ip.Is6() || ip.Zone() != "" || (after != "" && after[0] != ':') {
			return "must have an IPv6 address in its brackets"
		}
		port, hasPort = strings.CutPrefix(after, ":")
		name = "localhost"
	} else if strings.Count(host, ":") > 1 {
		return "must have an IPv6 address in brackets"
	} else {
		name, port, hasPort = strings.Cut(host, ":")
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Sprintf("must have a port from 1 to 65535, not %q", port)
		}
	}
	if !hostname.MatchString(name) {
		return fmt.Sprintf("must begin with a host, not %q", name)
	}
	// The rule by which every client tells a host from the first part of a Docker Hub path.
	if !hasPort && name != "localhost" && !strings.Contains(name, ".") {
		return fmt.Sprintf("must begin with a host: %q has neither dot nor port", name)
	}
	if u, err := url.Parse("//" + host); err != nil || u.Host != host {
		return fmt.Sprintf("must begin with a host, not %q", host)
	}
	return ""
}

// CheckTag reports an IMAGE_TAG that no registry takes: at most 128 characters, letters, digits, '_', '.', '-', and
// neither '.' nor '-' first (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests).
func CheckTag(value string) error { return tagVariable.checkTag(value) }

func (s setting) checkTag(value string) error {
	switch {
	case len(value) > maxTag:
		return s.error(fmt.Sprintf("must have at most %d characters, got %d", maxTag, len(value)), repairTag(value))
	case !tag.MatchString(value):
		return s.error(fmt.Sprintf("must be letters, digits, '_', '.' and '-', and must not begin with '.' or '-', got %q", value), repairTag(value))
	}
	return nil
}

// repairTag puts dashes for what a tag cannot hold; a branch name becomes a tag this way.
func repairTag(value string) string {
	clean := strings.Map(func(r rune) rune {
		if tag.MatchString("_" + string(r)) {
			return r
		}
		return '-'
	}, value)
	clean = strings.Trim(clean, ".-")
	clean = clean[:min(len(clean), maxTag)]
	if clean == "" {
		return "pr-123"
	}
	return clean
}

// Loopback reports whether the host of a registry or a repository is this machine: "localhost:5001/kubernaut",
// "127.0.0.1", "[::1]:5000". Such a registry is spoken to without TLS, and a cluster's node reaches it by another address.
func Loopback(repository string) bool {
	host, _, _ := strings.Cut(repository, "/")
	u, err := url.Parse("//" + host)
	if err != nil {
		return false
	}
	name := u.Hostname()
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}
