package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// permission is the line of a workflow's job that lets its token write.
const permission = "permissions: {contents: read, packages: write}   # of the workflow's job"

func (e *examination) judgePush(s subject) {
	var denied *registry.DeniedError
	switch {
	case s.own.Push == nil && s.own.Left:
		e.add("push", s.image.Repository, OK, "allowed; the registry keeps the upload that asked for it until it expires")
	case s.own.Push == nil:
		e.add("push", s.image.Repository, OK, "allowed")
	case errors.As(s.own.Push, &denied):
		why, hints := e.whyDenied(s, denied)
		e.add("push", s.image.Repository, Failure, denied.Cause()+": "+why, hints...)
	}
}

// whyDenied tells apart what GitHub answers alike. Texts of other registries match none of these and get the login.
func (e *examination) whyDenied(s subject, denied *registry.DeniedError) (why string, hints []string) {
	unlinked := s.pkg.Repository != e.Run.Repository
	switch {
	case e.User == "":
		return "nobody is logged in", append(e.login(), "--destination=kind")
	case e.Run.Fork:
		return "a fork's token is read-only; a run delivers the same digests into kind instead", []string{"--destination=kind"}
	case e.lacksScope(s, denied):
		return "the token lacks write:packages", []string{
			"gh auth refresh --scopes write:packages",
			fmt.Sprintf("gh auth token | docker login %s --username %s --password-stdin", e.host(), e.User),
		}
	case strings.Contains(denied.Detail, "installation not allowed"), e.Run.Actions && s.pkg.Known && !unlinked:
		return `the workflow's token is read-only: its job lacks "packages: write"`, []string{permission}
	case strings.Contains(denied.Detail, "write_package") && s.pkg.Known && unlinked && e.Run.Repository != "":
		return "the package is " + linkedTo(s.pkg) + ", not to " + e.Run.Repository, []string{settings(s) + "   # Manage Actions access: add " + e.Run.Repository + " with the role Write"}
	case strings.Contains(denied.Detail, "write_package"):
		return "the token is read-only, or the package is not linked to its repository", []string{settings(s) + "   # Manage Actions access: add the repository with the role Write", permission}
	}
	return "these credentials may not write it", append(e.login(), "--destination=kind")
}

// lacksScope believes the header of GitHub's REST API before the registry's words.
func (e *examination) lacksScope(s subject, denied *registry.DeniedError) bool {
	if s.pkg.Personal {
		return !slices.Contains(s.pkg.Scopes, "write:packages")
	}
	return strings.Contains(denied.Detail, "does not match expected scopes")
}

func linkedTo(p Package) string {
	if p.Repository == "" {
		return "linked to no repository"
	}
	return "linked to " + p.Repository
}

// settings is the page on which a package is linked: there is no call for it.
func settings(s subject) string {
	owner, name := splitRepository(s.image.Repository)
	owners := "orgs/"
	if s.pkg.User {
		owners = "users/"
	}
	return "xdg-open https://github.com/" + owners + owner + "/packages/container/" + escape(name) + "/settings"
}
