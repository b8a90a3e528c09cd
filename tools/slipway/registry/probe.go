package registry

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
)

// Access is what the registry lets the credentials do to an image's repository. It is asked for with reads and, for the right
// to push, with an upload that begins and is cancelled: nothing stays.
type Access struct {
	Pull     error // why it may not be read, a *DeniedError; nil when it may, also when the repository is not there
	Push     error // likewise; nil when it was not asked for, too
	Failed   error // what kept the questions from being answered
	Present  bool  // the manifest is there, by digest
	Left     bool  // the registry would not cancel the upload, which it drops by itself later
	Requests int64
}

// Greet asks whether the registry of the repository answers and takes the credentials, without a word about the repository. The
// error is a *DeniedError or an *UnreachableError where the cause is one.
func (p *Pusher) Greet(ctx context.Context, repository string) (requests int64, err error) {
	image := Image{Repository: repository}
	s, err := p.open(ctx, []Image{image}, nil)
	if s != nil {
		defer func() { requests = s.meter.requests.Load(); s.meter.CloseIdleConnections() }()
	}
	if err != nil {
		return 0, err
	}
	resp, err := s.do(ctx, http.MethodGet, s.meter.scheme+"://"+s.meter.host+"/v2/", nil)
	if err == nil {
		err = check(resp, http.StatusOK)
	}
	return 0, s.explain(image, err)
}

// Probe takes 3 requests, or 5 with push: a greeting, a token, the question for the image, and the upload and its end. Where the token to
// push is refused, a greeting and a token to read stand for the upload. An image without a manifest is asked for by its tags.
func (p *Pusher) Probe(ctx context.Context, image Image, push bool) (a Access) {
	actions := "pull"
	if push {
		actions = "push,pull"
	}
	s, err := p.probe(ctx, image, actions, &a)
	if denied := refusal(err); denied && push {
		a.Push = err
		s, err = p.probe(ctx, image, "pull", &a)
	}
	switch {
	case refusal(err):
		a.Pull = err
	case err != nil:
		a.Failed = err
	}
	if err != nil {
		return a
	}
	defer func() { a.Requests += s.meter.requests.Load(); s.meter.CloseIdleConnections() }()
	repo, err := name.NewRepository(image.Repository)
	if err != nil {
		a.Failed = err
		return a
	}
	a.sort(&a.Pull, s.explain(image, s.probePull(ctx, repo, image, &a)))
	if push && a.Push == nil && a.Failed == nil {
		a.sort(&a.Push, s.explain(image, s.probePush(ctx, repo, &a)))
	}
	return a
}

// probe counts the requests of a session that does not come about.
func (p *Pusher) probe(ctx context.Context, image Image, actions string, a *Access) (*session, error) {
	s, err := p.open(ctx, []Image{image}, scopes([]Image{image}, actions))
	if err != nil && s != nil {
		a.Requests += s.meter.requests.Load()
	}
	return s, err
}

func refusal(err error) bool {
	var denied *DeniedError
	return errors.As(err, &denied)
}

// sort puts a refusal where it belongs, and any other error into Failed.
func (a *Access) sort(right *error, err error) {
	if refusal(err) {
		*right = err
		return
	}
	if err != nil {
		a.Failed = err
	}
}

func (s *session) probePull(ctx context.Context, repo name.Repository, image Image, a *Access) error {
	method, path := http.MethodGet, "/tags/list?n=1"
	manifest := image.Descriptor.Manifest
	if manifest.Digest != "" {
		method, path = http.MethodHead, "/manifests/"+manifest.Digest
	}
	resp, err := s.do(ctx, method, s.url(repo, path), func(r *http.Request) error {
		if manifest.MediaType != "" {
			r.Header.Set("Accept", manifest.MediaType)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = check(resp, http.StatusOK, http.StatusNotFound)
	a.Present = err == nil && manifest.Digest != "" && resp.StatusCode == http.StatusOK
	return err
}

// probePush ends as https://github.com/opencontainers/distribution-spec/blob/main/spec.md#cancel-a-blob-upload says.
func (s *session) probePush(ctx context.Context, repo name.Repository, a *Access) error {
	location, err := s.begin(ctx, repo, "", "")
	if err != nil {
		return err
	}
	resp, err := s.do(ctx, http.MethodDelete, location, nil)
	if err != nil {
		a.Left = true
		return nil
	}
	a.Left = check(resp, http.StatusNoContent, http.StatusOK, http.StatusAccepted) != nil
	return nil
}
