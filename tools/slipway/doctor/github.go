package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// GitHub is its REST API: https://docs.github.com/en/rest/packages/packages.
type GitHub struct {
	API    string        // "https://api.github.com"
	Token  string        // that the registry's login has; it goes nowhere but to API
	Client *http.Client  // nil is http.DefaultClient
	Limit  time.Duration // of one question; 0 is 10 s
}

// answerLimit keeps a server that does not answer from keeping the report.
const answerLimit = 10 * time.Second

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// Package is what GitHub knows about a package and the token. The zero value is nothing.
type Package struct {
	Known      bool   // the token may see the package, and it is there
	User       bool   // its owner is a user, and no organization
	Repository string // that it is linked to
	Personal   bool   // the token is a person's, of the classic kind: Scopes are its scopes
	Scopes     []string
}

// Package asks about "ghcr.io/<owner>/<name>", twice when the owner is a user. What cannot be known stays unknown.
func (g *GitHub) Package(ctx context.Context, repository string) (p Package, requests int64) {
	owner, name := splitRepository(repository)
	for _, kind := range []string{"/orgs/", "/users/"} {
		var answer struct {
			Repository struct {
				FullName string `json:"full_name"`
			}
		}
		requests++
		resp, err := g.get(ctx, kind+url.PathEscape(owner)+"/packages/container/"+escape(name), &answer)
		if err != nil {
			return p, requests
		}
		if values, ok := resp.Header["X-Oauth-Scopes"]; ok {
			p.Personal, p.Scopes = true, words(values)
		}
		if resp.StatusCode == http.StatusOK {
			p.Known, p.User, p.Repository = true, kind == "/users/", answer.Repository.FullName
		}
		if resp.StatusCode != http.StatusNotFound {
			return p, requests
		}
	}
	return p, requests
}

func words(values []string) []string {
	return strings.FieldsFunc(strings.Join(values, ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// get decodes the body of a success.
func (g *GitHub) get(ctx context.Context, path string, into any) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(g.Limit, answerLimit))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(g.API, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+g.Token)
	client := g.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp, nil
	}
	return resp, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into)
}

// judgeRate is about what a clean-up needs; a run and a push ask nothing of REST. The question itself costs none of the limit:
// https://docs.github.com/en/rest/rate-limit/rate-limit.
func (e *examination) judgeRate(ctx context.Context) {
	if e.GitHub == nil {
		return
	}
	var answer struct {
		Rate struct{ Remaining, Limit, Reset int64 }
	}
	e.report.Requests++
	resp, err := e.GitHub.get(ctx, "/rate_limit", &answer)
	switch rate := answer.Rate; {
	case err != nil:
		e.add("limit", e.GitHub.API, Warning, "GitHub's REST API does not answer: "+cause(err))
	case resp.StatusCode != http.StatusOK:
		e.add("limit", e.GitHub.API, Warning, "GitHub's REST API answers "+strconv.Quote(resp.Status)+", so it does not tell why a push is denied", "gh auth status")
	case rate.Remaining == 0:
		until := time.Unix(rate.Reset, 0).UTC().Format("15:04 UTC")
		e.add("limit", e.GitHub.API, Warning, fmt.Sprintf("all %d REST requests of the hour are used, until %s; a push needs none", rate.Limit, until), "gh api rate_limit")
	default:
		e.add("limit", e.GitHub.API, OK, fmt.Sprintf("%d of %d REST requests left", rate.Remaining, rate.Limit))
	}
}

// splitRepository divides "ghcr.io/<owner>/<name>"; a name may have slashes.
func splitRepository(repository string) (owner, name string) {
	_, path, _ := strings.Cut(repository, "/")
	owner, name, _ = strings.Cut(path, "/")
	return owner, name
}

// escape makes one path segment of a name.
func escape(name string) string { return url.PathEscape(name) }

// Fork reports whether a workflow's event, the file that GITHUB_EVENT_PATH names, is a pull request from another repository:
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request.
func Fork(event []byte) bool {
	type side struct {
		Repo struct {
			FullName string `json:"full_name"`
		}
	}
	var payload struct {
		PullRequest *struct{ Head, Base side } `json:"pull_request"`
	}
	if json.Unmarshal(event, &payload) != nil || payload.PullRequest == nil {
		return false
	}
	return payload.PullRequest.Head.Repo.FullName != payload.PullRequest.Base.Repo.FullName
}
