package tag

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// component is a part of a repository's name.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const component = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`

var (
	repository = regexp.MustCompile(`^` + component + `/` + component + `$`)
	registry   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
)

// maxRepository is the most that clients allow a name to have, with the registry's.
const maxRepository = 255

// Repository returns "<host>/<owner>/<name>". What a person typed must be in lower case, as registries want it; what GitHub says
// keeps the owner's spelling, and is lowered: nobody here can change that. note says so, else it is empty.
func Repository(host, name string, typed bool) (path, note string, err error) {
	lower := strings.ToLower(name)
	switch {
	case !registry.MatchString(host):
		return "", "", misnamed("the registry is a host, with a port if need be, got %q", host).hint("--registry=ghcr.io")
	case !repository.MatchString(lower) || len(host)+1+len(lower) > maxRepository:
		return "", "", misnamed("it is <owner>/<name>, got %q", name).hint("--repository=owner/name")
	case lower == name:
		return host + "/" + name, "", nil
	case typed:
		return "", "", misnamed("registries have no upper case, got %q", name).hint("--repository=" + lower)
	}
	return host + "/" + lower, fmt.Sprintf("GITHUB_REPOSITORY is %q; registries have no upper case, images go to %s/%s", name, host, lower), nil
}

type misname struct{ error }

func misnamed(format string, args ...any) misname {
	return misname{fmt.Errorf("deriving the image repository: %w", fmt.Errorf(format, args...))}
}

func (m misname) hint(flag string) error {
	return fault.New(fault.Usage, m.error, "tools/bazelw run //tools/ci -- tags "+flag)
}
