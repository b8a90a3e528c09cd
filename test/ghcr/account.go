package ghcr

import (
	"slices"
	"strings"
)

// Account is one credential: the password of a login, or the token of a REST request. The name that comes with it does not matter,
// as with GitHub.
type Account struct {
	User    string   // "octocat", or "github-actions[bot]"
	Token   string   // must not be empty
	Owners  []string // whose packages it may use; empty is User alone
	Scopes  []string // "read:packages", "write:packages" (reads too), "delete:packages"
	Expired bool

	// Repository makes it the token of a workflow run there: "kubernaut/kubernaut". It writes and deletes only packages that are
	// linked to that repository, and new ones.
	Repository string
}

// Right is something to do to a package.
type Right string

// Rights.
const (
	Pull   Right = "pull"
	Push   Right = "push"
	Delete Right = "delete"
)

// Fork is the token that a workflow of a pull request from a fork gets, whatever permissions it asks for.
func Fork(repository, token string) Account {
	return Account{User: "github-actions[bot]", Token: token, Owners: []string{ownerOf(repository)}, Scopes: []string{"read:packages"}, Repository: repository}
}

// Workflow is the token of a workflow with "packages: write".
func Workflow(repository, token string) Account {
	a := Fork(repository, token)
	a.Scopes = []string{"write:packages", "delete:packages"}
	return a
}

// Personal is a classic token of a person who may use the packages of the owners.
func Personal(user, token string, scopes []string, owners ...string) Account {
	return Account{User: user, Token: token, Scopes: scopes, Owners: owners}
}

func (a *Account) owns(name string) bool {
	if len(a.Owners) == 0 {
		return strings.EqualFold(a.User, ownerOf(name))
	}
	return slices.ContainsFunc(a.Owners, func(o string) bool { return strings.EqualFold(o, ownerOf(name)) })
}

func (a *Account) scope(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(a.Scopes, n) })
}

// refusal is why the account may not, "" when it may. A nil account is nobody's; pkg is nil when there is no such package.
func (a *Account) refusal(right Right, name string, pkg *Package) string {
	switch {
	case right == Pull && pkg != nil && pkg.Public:
		return ""
	case a == nil || !a.owns(name):
		return "requested access to the resource is denied"
	case right == Pull && !a.scope("read:packages", "write:packages"):
		return "permission_denied: The token provided does not match expected scopes."
	case right == Pull:
		return ""
	}
	return a.writeRefusal(right, pkg)
}

func (a *Account) writeRefusal(right Right, pkg *Package) string {
	needed := map[Right]string{Push: "write:packages", Delete: "delete:packages"}[right]
	switch allowed := a.scope(needed); {
	case !allowed && a.Repository == "":
		return "permission_denied: The token provided does not match expected scopes."
	case !allowed && pkg == nil:
		return "installation not allowed to Create organization package"
	case !allowed, a.Repository != "" && pkg != nil && !strings.EqualFold(pkg.Repository, a.Repository):
		return "permission_denied: write_package"
	}
	return ""
}

// find returns the account with the token, nil when there is none or when it has expired.
func (s *Server) find(token string) *Account {
	for i := range s.accounts {
		if a := &s.accounts[i]; a.Token == token && token != "" && !a.Expired {
			return a
		}
	}
	return nil
}

// ownerOf is the first segment of "owner/name" and of "owner/repository/name".
func ownerOf(name string) string {
	owner, _, _ := strings.Cut(name, "/")
	return owner
}
