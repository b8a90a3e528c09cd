package cli

import (
	"cmp"
	"fmt"

	"github.com/kubernaut/kubernaut/tools/ci/tag"
)

func (c command) tags(args []string) error {
	var r tag.Run
	c.flags.StringVar(&r.Event, "event", c.getenv("GITHUB_EVENT_NAME"), "")
	ref := c.flags.String("ref", "", "")
	c.flags.StringVar(&r.SHA, "sha", c.getenv("GITHUB_SHA"), "")
	host := c.flags.String("registry", "ghcr.io", "")
	repository := c.flags.String("repository", "", "")
	github := c.flags.Bool("github-output", false, "")
	if err := c.parse(args, false); err != nil {
		return err
	}
	if r.Ref = *ref; r.Ref == "" { // a ref that is typed has no name beside it
		r.Ref, r.RefName = c.getenv("GITHUB_REF"), c.getenv("GITHUB_REF_NAME")
	}
	name, err := tag.Of(r)
	if err != nil {
		return err
	}
	path, note, err := tag.Repository(*host, cmp.Or(*repository, c.getenv("GITHUB_REPOSITORY")), *repository != "")
	if err != nil {
		return err
	}
	if note != "" {
		c.note("%s", note)
	}
	lines := fmt.Sprintf("repository=%s\ntag=%s\n", path, name)
	fmt.Fprint(c.streams.Out, lines)
	return c.outputs(*github, lines)
}
