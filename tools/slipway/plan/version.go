package plan

import (
	"fmt"
	"regexp"
	"strings"
)

// version is https://semver.org with the letter v before it, and without build metadata, whose '+' no tag can hold.
var version = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?$`)

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// ReleaseInput is all that a release's source and destination depend on. An empty value is one that is not given.
type ReleaseInput struct {
	Version  string // --version
	From, To string // --from, --to
	Tag      string // --tag
	Commit   string // --commit
	Revision string // GITHUB_SHA, which stands in for --commit
	Plan     Release
}

// ReleaseDecision says what is copied from where to where.
type ReleaseDecision struct {
	Version  string // "v1.2.3"
	From, To string // prefixes of references
	Tag      string // that CI gave to what it tested: "main-0123456789ab-all"
	Commit   string // 40 hexadecimal digits; "" when only the tag is known
}

// String is the one line that every release prints first.
func (d ReleaseDecision) String() string {
	return fmt.Sprintf("release: %s to %s, from what CI tested as %s in %s", d.Version, d.To, d.Tag, d.From)
}

// DecideRelease decides: flags before variables before the plan. Its errors are InputErrors.
func DecideRelease(in ReleaseInput) (ReleaseDecision, error) {
	d := ReleaseDecision{Version: in.Version, From: in.Plan.From, To: in.Plan.To, Tag: in.Tag, Commit: in.Commit}
	if d.Commit == "" {
		d.Commit = in.Revision
	}
	if in.From != "" {
		d.From = in.From
	}
	if in.To != "" {
		d.To = in.To
	}
	for _, check := range []func() error{
		func() error { return checkVersion(d.Version) },
		func() error { return setting{name: "--from", give: "--from="}.checkRegistry(d.From) },
		func() error { return setting{name: "--to", give: "--to="}.checkRegistry(d.To) },
		d.decideTag,
	} {
		if err := check(); err != nil {
			return ReleaseDecision{}, err
		}
	}
	if d.From == d.To {
		return ReleaseDecision{}, &InputError{Message: fmt.Sprintf("--from and --to are both %s", d.To), Hints: []string{"--to=quay.io/kubernaut"}}
	}
	return d, nil
}

// decideTag checks the commit, and makes the tag of it that CI gives to a commit on main, for all platforms. The tag without
// "-all" is of images that suites pull, whose jobs may not write and so must find it as it is.
func (d *ReleaseDecision) decideTag() error {
	if d.Commit != "" && !commit.MatchString(d.Commit) {
		return &InputError{
			Message: fmt.Sprintf("the commit must have 40 hexadecimal digits, got %q", d.Commit),
			Hints:   []string{"--commit=$(git rev-parse HEAD)"},
		}
	}
	switch {
	case d.Tag != "":
		return tagFlag.checkTag(d.Tag)
	case d.Commit == "":
		return &InputError{
			Message: "neither --commit nor --tag nor GITHUB_SHA says what CI has tested",
			Hints:   []string{"--commit=$(git rev-parse HEAD)"},
		}
	}
	d.Tag = "main-" + d.Commit[:12] + "-all"
	return nil
}

func checkVersion(value string) error {
	if version.MatchString(value) && len(value) <= maxTag {
		return nil
	}
	hint := "--version=v1.2.3"
	if repaired := "v" + strings.TrimLeft(strings.TrimSpace(value), "vV"); version.MatchString(repaired) {
		hint = "--version=" + repaired
	}
	return &InputError{
		Message: fmt.Sprintf("--version must be v and three numbers, such as v1.2.3 or v1.2.3-rc.1, got %q", value),
		Hints:   []string{hint},
	}
}
