package prune

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-github/v74/github"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	access "github.com/kubernaut/kubernaut/tools/slipway/github"
)

// GitHub is GitHub's REST API, with one token.
type GitHub struct {
	client *github.Client
	token  bool

	mu    sync.Mutex
	kinds map[string]bool // owner to whether it is an organization
}

// NewGitHub asks nothing yet. Address and token are those of package github's NewClient.
func NewGitHub(address, token string, transport *Limits) (*GitHub, error) {
	client, err := access.NewClient(address, token, transport)
	if err != nil {
		return nil, err
	}
	return &GitHub{client: client, token: token != "", kinds: map[string]bool{}}, nil
}

// patient leaves waiting for rate limits to Limits, which does wait; the client itself would refuse to ask.
func patient(ctx context.Context) context.Context {
	return context.WithValue(ctx, github.BypassRateLimitCheck, true)
}

// Closed tells of each pull request whether it is closed. One that does not exist is left out. repository is "owner/name".
func (g *GitHub) Closed(ctx context.Context, repository string, numbers []int, jobs int) (map[int]bool, error) {
	owner, name, _ := strings.Cut(repository, "/")
	closed := map[int]bool{}
	var mu sync.Mutex
	err := each(patient(ctx), jobs, numbers, func(ctx context.Context, n int) error {
		pull, resp, err := g.client.PullRequests.Get(ctx, owner, name, n)
		if resp != nil && resp.StatusCode == http.StatusNotFound {
			return nil
		}
		if err != nil {
			return g.explain(fmt.Sprintf("asking for pull request %d of %s", n, repository), err)
		}
		mu.Lock()
		defer mu.Unlock()
		closed[n] = pull.GetState() == "closed"
		return nil
	})
	return closed, err
}

// organization tells one from a user: their packages have different addresses.
func (g *GitHub) organization(ctx context.Context, owner string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if is, known := g.kinds[owner]; known {
		return is, nil
	}
	user, _, err := g.client.Users.Get(patient(ctx), owner)
	if err != nil {
		return false, g.explain("asking who "+owner+" is", err)
	}
	g.kinds[owner] = user.GetType() == "Organization"
	return g.kinds[owner], nil
}

// explain is an error of the client as one sentence without URLs.
func (g *GitHub) explain(doing string, err error) error {
	var answer *github.ErrorResponse
	var wait *WaitError
	var transport *url.Error
	var done *StopError
	var hour *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	switch {
	case errors.As(err, &done):
		return done
	case errors.Is(err, context.Canceled):
		return stopEverywhere(fmt.Errorf("%s: %w", doing, context.Canceled))
	case errors.As(err, &wait):
		return wait.stop(doing)
	case errors.As(err, &hour):
		return limited(doing, hour.Response, hour.Message)
	case errors.As(err, &secondary):
		return limited(doing, secondary.Response, secondary.Message)
	case errors.As(err, &answer) && answer.Response.StatusCode == http.StatusTooManyRequests:
		return limited(doing, answer.Response, answer.Message)
	case errors.As(err, &answer):
		return g.refusal(doing, answer)
	case errors.As(err, &transport):
		return stopEverywhere(fmt.Errorf("%s: %w", doing, transport.Err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// limited is a limit that repeating did not get around. It ends the run: GitHub bars those who go on.
func limited(doing string, resp *http.Response, message string) error {
	return stopEverywhere(fault.New(fault.Delivery, access.Answered(doing, resp, message), "gh api rate_limit"))
}

func (g *GitHub) refusal(doing string, answer *github.ErrorResponse) error {
	code, err := answer.Response.StatusCode, access.Answered(doing, answer.Response, answer.Message)
	switch {
	case code == http.StatusUnauthorized && !g.token:
		return stopEverywhere(fault.New(fault.Delivery, fmt.Errorf("%w; GITHUB_TOKEN is not set", err), "export GITHUB_TOKEN=$(gh auth token)"))
	case ofWorkflow(answer):
		return stopHere(fault.New(fault.Delivery, err, permissions))
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		err = fault.New(fault.Delivery, err, "gh auth refresh --scopes=read:packages,delete:packages", "export GITHUB_TOKEN=$(gh auth token)")
		return &StopError{err, code == http.StatusUnauthorized}
	}
	return err
}

// permissions is the line of a workflow's job that lets its token prune.
const permissions = "permissions: {contents: read, packages: write, pull-requests: read}   # of the workflow's job"

// ofWorkflow reports whether the token that was refused is a workflow's, to which no login and no scope helps.
func ofWorkflow(answer *github.ErrorResponse) bool {
	return answer.Response.StatusCode == http.StatusForbidden && strings.Contains(answer.Message, "not accessible by integration")
}

func needScope(repository, scopes string) error {
	return fault.New(fault.Delivery, fmt.Errorf("deleting from %s: the token has the scopes %s, and not delete:packages", repository, scopes),
		"gh auth refresh --scopes=read:packages,delete:packages", "export GITHUB_TOKEN=$(gh auth token)")
}
