package prune_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

const day = 24 * time.Hour

func hex(c string) string { return strings.Repeat(c, 64) }

// of makes a manifest whose digest is 64 times the letter.
func of(c string, age time.Duration, tags ...string) prune.Manifest {
	return prune.Manifest{Digest: "sha256:" + hex(c), Date: now.Add(-age), Tags: tags}
}

func (l list) index(c string, children ...string) list {
	for i := range l {
		for _, child := range children {
			if l[i].Digest == "sha256:"+hex(c) {
				l[i].Children = append(l[i].Children, "sha256:"+hex(child))
			}
		}
	}
	return l
}

type list []prune.Manifest

func (l list) attach(c, subject string) list {
	for i := range l {
		if l[i].Digest == "sha256:"+hex(c) {
			l[i].Subject = "sha256:" + hex(subject)
		}
	}
	return l
}

func (l list) lose(c string) list {
	for i := range l {
		if l[i].Digest == "sha256:"+hex(c) {
			l[i].Missing = true
		}
	}
	return l
}

// What stays, as the first letters of digests; then tags that go.
func TestNew(t *testing.T) {
	for _, tc := range []struct {
		name      string
		manifests list
		keepLast  bool
		kept      string
		tags      string // that go
	}{
		{"nothing", nil, true, "", ""},
		{"closed, open, unknown", list{of("a", 60*day, "pr-2"), of("b", 60*day, "pr-1"), of("c", 60*day, "pr-5")}, false, "bc", "pr-2"},
		{
			"names that are not ephemeral",
			list{of("a", 60*day, "v1.2.3"), of("b", 60*day, "pr-2x"), of("c", 60*day, "pr-02"), of("d", 60*day, "PR-2"), of("e", 60*day, "main-0123456789abc"), of("f", 60*day, "main-0123456789AB")},
			false, "abcdef", "",
		},
		{"two tags, one stays", list{of("a", 60*day, "latest", "pr-2")}, false, "a", "pr-2"},
		{"fresh without a tag", list{of("a", time.Hour), of("b", 25*time.Hour)}, false, "a", ""},
		{"fresh with a tag that goes", list{of("a", time.Hour, "pr-2")}, false, "", "pr-2"},
		{"fresh part of an index that goes", list{of("a", time.Hour, "pr-2"), of("b", time.Hour)}.index("a", "b"), false, "b", "pr-2"},
		{"shared part", list{of("a", 60*day, "pr-2"), of("b", 60*day, "pr-1"), of("c", 60*day), of("d", 60*day)}.index("a", "c", "d").index("b", "c"), false, "bc", "pr-2"},
		{"index of an index", list{of("a", 60*day, "v1"), of("b", 60*day), of("c", 60*day)}.index("a", "b").index("b", "c"), false, "abc", ""},
		{"referrer of what stays", list{of("a", 60*day, "v1"), of("b", 60*day), of("c", 60*day)}.attach("b", "a").attach("c", "b"), false, "abc", ""},
		{"referrer of what goes", list{of("a", 60*day, "pr-2"), of("b", 60*day)}.attach("b", "a"), false, "", "pr-2"},
		{"subject of a tag that stays", list{of("a", 60*day), of("b", 60*day, "sbom")}.attach("b", "a"), false, "ab", ""},
		{"signature of what stays", list{of("a", 60*day, "v1"), of("b", 60*day, "sha256-"+hex("a")+".sig")}, false, "ab", ""},
		{"signature of what goes", list{of("a", 60*day, "pr-2"), of("b", 60*day, "sha256-"+hex("a")+".att")}, false, "", "pr-2 sha256-" + hex("a") + ".att"},
		{"signature of nothing", list{of("b", 60*day, "sha256-"+hex("a"))}, false, "", "sha256-" + hex("a")},
		{"fresh signature of nothing", list{of("b", time.Hour, "sha256-"+hex("a"))}, false, "b", ""},
		{"signature with another ending", list{of("b", 60*day, "sha256-"+hex("a")+".txt")}, false, "b", ""},
		{"circle of signatures", list{of("a", 60*day, "sha256-"+hex("b")), of("b", 60*day, "sha256-"+hex("a"))}, false, "", "sha256-" + hex("a") + " sha256-" + hex("b")},
		{"no date", list{{Digest: "sha256:" + hex("a"), Tags: []string{"main-0123456789ab"}}, {Digest: "sha256:" + hex("b")}}, false, "a", ""},
		{"gone and tagged", list{of("a", 60*day, "v1"), of("b", 60*day), of("c", 60*day, "pr-2")}.lose("a"), false, "ab", "pr-2"},
		{"gone and going", list{of("a", 60*day, "pr-2"), of("b", 60*day)}.lose("a"), false, "", "pr-2"},
		{"last tag", list{of("a", 60*day, "pr-2"), of("b", 50*day, "pr-4"), of("c", 40*day), of("d", 60*day)}.index("b", "d"), true, "bd", "pr-2 pr-4"},
		{"last tag beside a fresh manifest", list{of("a", 60*day, "pr-2"), of("b", time.Hour)}, true, "ab", "pr-2"},
		{"last of all", list{of("a", 60*day), of("b", 50*day)}, true, "b", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			policy := policy()
			policy.KeepLast = tc.keepLast
			plan := prune.New("r", tc.manifests, policy, nil)
			kept, tags := "", []string{}
			for _, m := range plan.Manifests {
				if !m.Delete {
					kept += m.Digest[7:8]
				}
			}
			for _, tag := range plan.Tags {
				if tag.Delete {
					tags = append(tags, tag.Tag)
				}
			}
			if diff := cmp.Diff([]string{tc.kept, tc.tags}, []string{kept, strings.Join(tags, " ")}); diff != "" {
				t.Errorf("kept manifests and tags that go (-want +got):\n%s", diff)
			}
		})
	}
}

// An index for all platforms has a tag of its own, which is not one commit more.
func TestTagsOfIndexes(t *testing.T) {
	policy := policy()
	policy.MainKeep = 1
	var goes []string
	for _, tag := range prune.New("r", list{
		of("a", 60*day, "main-00000000000a"), of("b", 60*day, "main-00000000000a-all"), of("c", 61*day, "main-00000000000c", "main-00000000000c-all"), of("d", 62*day, "main-00000000000d-some"),
	}, policy, nil).Tags {
		if tag.Delete {
			goes = append(goes, tag.Tag)
		}
	}
	slices.Sort(goes)
	if d := cmp.Diff([]string{"main-00000000000c", "main-00000000000c-all"}, goes); d != "" {
		t.Errorf("tags that go (-want +got):\n%s", d)
	}
}

// A part that is fresh, too, is kept for what outlasts the grace, wherever its digest stands.
func TestReasons(t *testing.T) {
	plan := prune.New("r", list{of("a", time.Hour), of("c", time.Hour, "main-00000000000c-all"), of("d", time.Hour), of("e", time.Hour)}.index("c", "a", "d"), policy(), nil)
	var got []string
	for _, m := range plan.Manifests {
		got = append(got, m.Reason)
	}
	want := []string{"part of sha256:cccccccccccc", "tag main-00000000000c-all", "part of sha256:cccccccccccc", "no tag yet, but only 1h0m0s old"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reasons (-want +got):\n%s", d)
	}
}

// Of tags of main, the newest stay however old they are, and all that are young.
func TestTagsOfMain(t *testing.T) {
	tags := []string{"main-00000000000a", "main-00000000000b", "main-00000000000c", "main-00000000000d"}
	for _, tc := range []struct {
		name   string
		change func(*prune.Policy)
		goes   string
	}{
		{"age alone", func(p *prune.Policy) { p.MainKeep = 0 }, "c d"},
		{"newest three", func(p *prune.Policy) { p.MainKeep = 3 }, "d"},
		{"more than there are", func(p *prune.Policy) { p.MainKeep = 9 }, ""},
		{"no age", func(p *prune.Policy) { p.MainAge, p.MainKeep = 0, 0 }, ""},
		{"pull requests only", func(p *prune.Policy) { p.PullRequestsOnly, p.MainKeep = true, 0 }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			policy := policy()
			tc.change(&policy)
			var got []string
			for _, tag := range prune.New("r", list{of("a", day, tags[0]), of("b", 13*day, tags[1]), of("c", 14*day, tags[2]), of("d", 99*day, tags[3])}, policy, nil).Tags {
				if tag.Delete {
					got = append(got, tag.Tag[len(tag.Tag)-1:])
				}
			}
			if strings.Join(got, " ") != tc.goes {
				t.Errorf("got %v, want %s", got, tc.goes)
			}
		})
	}
}
