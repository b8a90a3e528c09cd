package cli

import (
	"context"
	"net/http"

	"github.com/kubernaut/kubernaut/tools/ci/checks"
	"github.com/kubernaut/kubernaut/tools/ci/tag"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/github"
)

// passed asks for no cached answer: a check may be run again.
func (c command) passed(ctx context.Context, args []string) error {
	var check checks.Check
	c.flags.StringVar(&check.Name, "check", "", "")
	c.flags.StringVar(&check.Commit, "commit", c.getenv("GITHUB_SHA"), "")
	c.flags.StringVar(&check.Repository, "repository", c.getenv("GITHUB_REPOSITORY"), "")
	if err := c.parse(args, false); err != nil {
		return err
	}
	switch {
	case check.Name == "":
		return misuse("passed needs --check")
	case !tag.IsCommit(check.Commit):
		return misuse("--commit must be 40 lower-case hexadecimal digits, got %q", check.Commit)
	case !github.IsRepository(check.Repository):
		return misuse("--repository must be OWNER/NAME, got %q", check.Repository)
	}
	client, err := github.NewClient(github.Address(c.getenv), c.getenv("GITHUB_TOKEN"), http.DefaultTransport)
	if err != nil {
		return fault.New(fault.Usage, err, "export GITHUB_API_URL="+github.API)
	}
	if err := check.Passed(ctx, client); err != nil {
		return err
	}
	c.note("%s has passed", check)
	return nil
}
