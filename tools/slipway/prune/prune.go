// Package prune deletes what continuous integration has left in a registry: tags of closed pull requests and old ones of the
// main branch, and then the manifests that nothing reaches any more.
//
// A plan follows from what a repository has and from a policy, and from nothing else: see New. Names decide which tags may go,
// see Policy; a tag with any other name is never touched. What a kept manifest reaches is kept: an index's entries, the
// manifests whose subject it is, and those with a tag sha256-<hex of its digest>, which is how registries without a referrers
// API and cosign attach one manifest to another.
//
// A Run deletes in waves. Before each wave, and after a minute of one, it looks at the repository anew and makes a new plan, so that
// a tag that has moved meanwhile is honoured, and it deletes nothing that the first plan, which was printed, does not have. An index goes before its
// parts, and a manifest before what is attached to it. A run that is killed thus leaves nothing broken that anybody can reach,
// and the next one does the rest.
//
// There are two kinds of repositories. A Package is one of GitHub's registry, which lists all manifests through GitHub's REST
// API, the only way to delete there. A Repository is one of any other registry, which shows tags alone: a journal in the
// repository itself holds what a run that is killed has lost sight of.
//
// Not done here: a registry's own garbage collection of blobs, and knowing of pushes under way in a registry that does not
// date its manifests. A push that finds a manifest present which a run deletes at that moment has to be repeated.
package prune

import (
	"context"
	"time"
)

// Manifest is one manifest of a repository: an image, an index, or what is attached to one.
type Manifest struct {
	Digest   string    // "sha256:…"
	Tags     []string  // sorted; none for most entries of an index
	Date     time.Time // when it, or one of its tags, was written; zero when the repository does not say
	Children []string  // digests of an index's manifests
	Subject  string    // digest of the manifest that it is attached to; empty for most
	Missing  bool      // listed, but its content is gone
}

// Store is a repository of a registry. Its methods may be called by several goroutines, but for Begin.
type Store interface {
	// Scan returns all manifests that can be found. A repository that does not exist has none.
	Scan(ctx context.Context) ([]Manifest, error)
	// Begin is called once, before the first deletion, with all that is going to be deleted. It finds out, as far as that is
	// possible without harm, whether deletions are allowed. end is called when all is done, and not after a failure.
	Begin(ctx context.Context, doomed []Manifest) (end func(context.Context) error, err error)
	// Delete deletes the manifest and the tags that point to it. It returns ErrGone when it was not there any more, ErrMoved
	// when it has a tag now that the manifest given does not have, and a *StopError when going on makes no sense.
	Delete(ctx context.Context, m Manifest) error
}

// Untagger is a Store that can remove a tag and keep the manifest that it points to.
type Untagger interface {
	// Untag returns ErrUnsupported when the registry cannot, and ErrMoved when the tag points elsewhere.
	Untag(ctx context.Context, tag, digest string) error
}

// Remover is a Store that cannot lose its last tag, nor its last manifest, but be removed as a whole.
type Remover interface {
	Remove(ctx context.Context) error
}
