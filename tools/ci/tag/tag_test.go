package tag_test

import (
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/tools/ci/tag"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

const sha = "0123456789abcdef0123456789abcdef01234567"

func run(event, ref, name, sha string) tag.Run {
	return tag.Run{Event: event, Ref: ref, RefName: name, SHA: sha}
}

func TestOf(t *testing.T) {
	for name, test := range map[string]struct {
		run  tag.Run
		want string
	}{
		"pull request":          {run("pull_request", "refs/pull/7/merge", "7/merge", sha), "pr-7"},
		"main":                  {run("push", "refs/heads/main", "main", sha), "main-0123456789ab"},
		"main, by hand":         {run("workflow_dispatch", "refs/heads/main", "", sha), "main-0123456789ab"},
		"main, nightly":         {run("schedule", "refs/heads/main", "main", sha), "main-0123456789ab"},
		"release":               {run("push", "refs/tags/v1.20.3", "v1.20.3", sha), "v1.20.3"},
		"pre-release":           {run("push", "refs/tags/v1.0.0-rc.1", "v1.0.0-rc.1", sha), "v1.0.0-rc.1"},
		"pull request unmerged": {run("pull_request", "refs/heads/main", "main", sha), "error"},
		"pull request 0":        {run("pull_request", "refs/pull/0/merge", "", sha), "error"},
		"pull request shell":    {run("pull_request", "refs/pull/7;id/merge", "", sha), "error"},
		"pull request line":     {run("pull_request", "refs/pull/7/merge\n", "", sha), "error"},
		"pull request target":   {run("pull_request_target", "refs/heads/main", "main", sha), "error"},
		"another name":          {run("push", "refs/heads/main", "other", sha), "error"},
		"branch":                {run("push", "refs/heads/feature", "feature", sha), "error"},
		"branch like main":      {run("push", "refs/heads/main2", "", sha), "error"},
		"short SHA":             {run("push", "refs/heads/main", "main", sha[:12]), "error"},
		"upper-case SHA":        {run("push", "refs/heads/main", "main", strings.ToUpper(sha)), "error"},
		"no SHA":                {run("push", "refs/heads/main", "main", ""), "error"},
		"detached":              {run("push", "", "", sha), "error"},
		"HEAD":                  {run("push", "HEAD", "", sha), "error"},
		"no event":              {run("", "refs/heads/main", "main", sha), "error"},
		"merge queue":           {run("merge_group", "refs/heads/gh-readonly-queue/main/pr-7", "", sha), "error"},
		"version of a night":    {run("schedule", "refs/tags/v1.2.3", "", sha), "error"},
		"version of two":        {run("push", "refs/tags/v1.2", "", sha), "error"},
		"version with zero":     {run("push", "refs/tags/v01.2.3", "", sha), "error"},
		"version with metadata": {run("push", "refs/tags/v1.2.3+linux", "", sha), "error"},
		"version with shell":    {run("push", "refs/tags/v1.2.3-$(id)", "", sha), "error"},
		"version in a line":     {run("push", "refs/tags/v1.2.3\nx", "", sha), "error"},
		"version too long":      {run("push", "refs/tags/v1.2.3-"+strings.Repeat("a", 122), "", sha), "error"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tag.Of(test.run)
			if err != nil {
				if code := fault.Code(err); code != fault.Usage {
					t.Errorf("got exit code %d for %v", code, err)
				}
				got = "error"
			}
			if got != test.want {
				t.Errorf("got %q, want %q, error %v", got, test.want, err)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	for name, test := range map[string]struct {
		host, repository string
		typed            bool
		want, note, hint string
	}{
		"typed":          {"ghcr.io", "owner/kubernaut", true, "ghcr.io/owner/kubernaut", "", ""},
		"port":           {"localhost:5001", "owner/a.b_c--d", true, "localhost:5001/owner/a.b_c--d", "", ""},
		"GitHub's case":  {"ghcr.io", "Owner/Kubernaut", false, "ghcr.io/owner/kubernaut", `"Owner/Kubernaut"`, ""},
		"typed case":     {"ghcr.io", "Owner/kubernaut", true, "", "", "--repository=owner/kubernaut"},
		"no owner":       {"ghcr.io", "kubernaut", true, "", "", "--repository=owner/name"},
		"nothing":        {"ghcr.io", "", false, "", "", "--repository=owner/name"},
		"three parts":    {"ghcr.io", "a/b/c", true, "", "", "--repository=owner/name"},
		"shell":          {"ghcr.io", "owner/$(id)", false, "", "", "--repository=owner/name"},
		"line":           {"ghcr.io", "owner/name\n", false, "", "", "--repository=owner/name"},
		"dots":           {"ghcr.io", "owner/..", true, "", "", "--repository=owner/name"},
		"long":           {"ghcr.io", "owner/" + strings.Repeat("a", 255), true, "", "", "--repository=owner/name"},
		"scheme":         {"https://ghcr.io", "owner/name", true, "", "", "--registry=ghcr.io"},
		"registry empty": {"", "owner/name", true, "", "", "--registry=ghcr.io"},
	} {
		t.Run(name, func(t *testing.T) {
			got, note, err := tag.Repository(test.host, test.repository, test.typed)
			if got != test.want || !strings.Contains(note, test.note) || (note == "") != (test.note == "") {
				t.Errorf("got %q, note %q, error %v; want %q, note %q", got, note, err, test.want, test.note)
			}
			hints := strings.Join(fault.Hints(err), "\n")
			if !strings.HasSuffix(hints, test.hint) || (hints == "") != (test.hint == "") {
				t.Errorf("got hints %q, want %q", hints, test.hint)
			}
		})
	}
}
