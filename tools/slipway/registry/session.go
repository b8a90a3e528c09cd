package registry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// session is one authenticated connection to one registry, for all images that go there.
type session struct {
	registry string // host of the registry, for messages
	jobs     int
	backoff  time.Duration
	blobs    source.Blobs
	kept     *keeper // of blobs, for those that the registry does not mount
	progress progress.Reporter
	meter    *meter
	client   *http.Client
	puller   *remote.Puller
	pusher   *remote.Pusher  // of manifests with a subject
	sending  chan struct{}   // a place for each layer whose bytes may be on their way
	asking   chan struct{}   // a place for each other request of uploads
	options  []remote.Option // of puller and pusher
	images   []Image
	states   []*state // of the images, in their order; set by look
	reading  bool     // nothing will be written
	denied   error    // why the token can only read; nil when it can write
}

// openAll opens a session for each registry. Where a token that can write is refused, one that can read will do as long as
// there is nothing to write, which look finds out.
func (p *Pusher) openAll(ctx context.Context, images []Image) ([]*session, error) {
	var sessions []*session
	var errs []error
	for _, group := range byRegistry(images) {
		s, err := p.openWriter(ctx, group)
		if isDenied(err) {
			if reader, failed := p.open(ctx, group, scopes(group, "pull")); failed == nil {
				reader.denied = err
				s, err = reader, nil
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sessions = append(sessions, s)
	}
	return sessions, errors.Join(errs...)
}

// openWriter asks for a token that can also read the upstreams that layers may be mounted from. Some token servers refuse the
// whole when these credentials may not read one of them; then it is done without.
func (p *Pusher) openWriter(ctx context.Context, images []Image) (*session, error) {
	own, mounts := scopes(images, "push,pull"), mountScopes(images)
	s, err := p.open(ctx, images, append(slices.Clip(own), mounts...))
	if isDenied(err) && len(mounts) > 0 {
		return p.open(ctx, images, own)
	}
	return s, err
}

func isDenied(err error) bool {
	var denied *DeniedError
	return errors.As(err, &denied)
}

// open asks for one token with all scopes, or without a scope. A session beside an error has counted what it took.
func (p *Pusher) open(ctx context.Context, images []Image, scopes []string) (*session, error) {
	first := images[0]
	repo, err := name.NewRepository(first.Repository)
	if err != nil {
		return nil, err
	}
	s := &session{registry: hostOf(first.Repository), jobs: p.Jobs, backoff: p.Backoff, blobs: p.Blobs, kept: newKeeper(p.Blobs), progress: p.Progress, images: images}
	if s.jobs <= 0 {
		s.jobs = defaultJobs
	}
	s.sending, s.asking = make(chan struct{}, s.jobs), make(chan struct{}, s.jobs*smallPerJob)
	if s.backoff <= 0 {
		s.backoff = defaultBackoff
	}
	s.meter = newMeter(p.transport(), repo.RegistryStr(), p.plain(s.registry))
	auth, err := p.authenticator(ctx, repo)
	if err != nil {
		return s, s.explain(first, err)
	}
	wrapped, err := transport.NewWithContext(ctx, repo.Registry, auth, &retry{inner: s.meter, backoff: s.backoff}, scopes)
	if err != nil {
		return s, s.explain(first, err)
	}
	s.client = &http.Client{Transport: wrapped, CheckRedirect: s.redirected}
	never := func(error) bool { return false } // retry does it
	options := []remote.Option{remote.WithTransport(wrapped), remote.WithJobs(s.jobs), remote.WithRetryPredicate(never)}
	s.options = options
	if s.puller, err = remote.NewPuller(options...); err != nil {
		return nil, err
	}
	s.pusher, err = remote.NewPusher(options...)
	return s, err
}

// close adds what the session did to result, whether it succeeded or not.
func (s *session) close(result *Result) {
	result.Requests += s.meter.requests.Load()
	result.BytesSent += s.meter.sent.Load()
	result.BytesReceived += s.meter.received.Load()
	for _, st := range s.states {
		st.count(result)
	}
	s.meter.CloseIdleConnections()
}

func (p *Pusher) authenticator(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	if p.Keychain == nil {
		return authn.Anonymous, nil
	}
	return authn.Resolve(ctx, p.Keychain, repo)
}

func (p *Pusher) plain(host string) bool {
	for _, h := range p.PlainHTTP {
		if h == host {
			return true
		}
	}
	return plan.Loopback(host)
}

// scopes are https://distribution.github.io/distribution/spec/auth/scope/, each repository once.
func scopes(images []Image, actions string) []string {
	var list []string
	seen := map[string]bool{}
	for _, image := range images {
		repo, err := name.NewRepository(image.Repository)
		if err != nil || seen[repo.RepositoryStr()] {
			continue
		}
		seen[repo.RepositoryStr()] = true
		if image.Mounted {
			list = append(list, repo.Scope(transport.PullScope))
			continue
		}
		list = append(list, repo.Scope(actions))
	}
	return list
}

// mountScopes are those of the upstreams in the images' registry, each repository once.
func mountScopes(images []Image) []string {
	var list []string
	for _, image := range images {
		for _, l := range image.Descriptor.Layers {
			for _, repo := range neighbours(image, l) {
				if scope := repo.Scope("pull"); !slices.Contains(list, scope) {
					list = append(list, scope)
				}
			}
		}
	}
	return list
}

// hostOf is the registry's host and port as the user wrote them.
func hostOf(repository string) string {
	host, _, _ := strings.Cut(repository, "/")
	return host
}
