// Package checks asks GitHub what has become of a commit's checks.
package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v74/github"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	access "github.com/kubernaut/kubernaut/tools/slipway/github"
)

// app is who makes the check runs of workflows. Any other app of the repository can make one by the same name.
const app = "github-actions"

// Check is a job of a workflow, by its name, as run for a commit.
type Check struct {
	Repository string // "owner/name"
	Commit     string // 40 hexadecimal digits
	Name       string // "gate"
}

// Passed returns nil when the last run of the check was a success. An answer that is another one has fault.TestsFailed.
// https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference
func (c Check) Passed(ctx context.Context, client *github.Client) error {
	owner, name, _ := strings.Cut(c.Repository, "/")
	options := &github.ListCheckRunsOptions{CheckName: &c.Name, ListOptions: github.ListOptions{PerPage: 100}}
	found := 0
	for {
		page, resp, err := client.Checks.ListCheckRunsForRef(ctx, owner, name, c.Commit, options)
		if err != nil {
			return c.unanswered(err)
		}
		for _, run := range page.CheckRuns {
			if err := c.judge(run); err != nil {
				return err
			}
		}
		found += len(page.CheckRuns)
		if options.Page = resp.NextPage; options.Page == 0 {
			break
		}
	}
	if found == 0 {
		return c.not("has not run for it, or not ended")
	}
	return nil
}

func (c Check) judge(run *github.CheckRun) error {
	switch {
	case run.GetApp().GetSlug() != app:
		return c.not("was made by the app %q, not by a workflow", run.GetApp().GetSlug())
	case run.GetStatus() != "completed":
		return c.not("has not ended: it is %s", strings.ReplaceAll(run.GetStatus(), "_", " "))
	case run.GetConclusion() != "success":
		return c.not("has ended with %s", run.GetConclusion())
	}
	return nil
}

func (c Check) String() string {
	return fmt.Sprintf("check %q of commit %.12s of %s", c.Name, c.Commit, c.Repository)
}

func (c Check) not(format string, args ...any) error {
	return fault.New(fault.TestsFailed, fmt.Errorf("%s %s", c, fmt.Sprintf(format, args...)), "gh run list --repo="+c.Repository+" --commit="+c.Commit)
}

// unanswered is an error of the client as one sentence without URLs.
func (c Check) unanswered(err error) error {
	var answer *github.ErrorResponse
	doing := fmt.Sprintf("asking for %s", c)
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = access.Answered(doing, answer.Response, answer.Message)
	switch answer.Response.StatusCode {
	case http.StatusUnauthorized:
		return fault.New(fault.Delivery, err, "export GITHUB_TOKEN=$(gh auth token)")
	case http.StatusForbidden, http.StatusNotFound: // a repository that the token may not read is not there
		return fault.New(fault.Delivery, err, "permissions: {contents: read, checks: read}   # of the workflow's job")
	}
	return err
}
