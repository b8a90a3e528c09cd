package prune

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// Policy says which tags go. The zero value lets none go, and treats no manifest as fresh.
type Policy struct {
	Now time.Time
	// Closed holds what is known of pull requests: true for a closed one, whose tag goes, false for an open one. One that it
	// does not have is not known, and its tag stays.
	Closed map[int]bool
	// PullRequestsOnly leaves all of main-<12 hex> and main-<12 hex>-all alone.
	PullRequestsOnly bool
	MainAge          time.Duration // a tag of main that is as old goes; 0 is never
	MainKeep         int           // newest tags of main that stay whatever their age
	// Grace protects a manifest without a tag of its own that is younger: a push writes manifests before tags.
	Grace time.Duration
	// KeepLast keeps the newest manifest of a repository that would lose its last tag or its last manifest.
	KeepLast bool
}

var (
	pullTag = regexp.MustCompile(`^pr-([1-9][0-9]{0,9})$`)
	mainTag = regexp.MustCompile(`^main-[0-9a-f]{12}(-all)?$`) // with -all it is of an index
	// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema, and cosign's three.
	attachedTag = regexp.MustCompile(`^sha(256-[0-9a-f]{64}|512-[0-9a-f]{128})(\.(sig|att|sbom))?$`)
)

// PullRequest returns the number in a tag pr-<N>, 0 for any other tag.
func PullRequest(tag string) int {
	m := pullTag.FindStringSubmatch(tag)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// subjectOf returns the digest that a tag sha256-<hex> or sha256-<hex>.sig hangs on, "" for any other tag.
func subjectOf(tag string) string {
	m := attachedTag.FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return "sha" + m[1][:3] + ":" + m[1][4:]
}

// judge tells whether a tag goes by its name alone. date is its manifest's, rank its place among the tags of main, the newest
// being 0.
func (p Policy) judge(tag string, date time.Time, rank int) (goes bool, reason string) {
	if n := PullRequest(tag); n > 0 {
		return p.judgePull(n)
	}
	if !mainTag.MatchString(tag) {
		return false, "not ephemeral by name"
	}
	age := p.Now.Sub(date)
	switch {
	case p.PullRequestsOnly:
		return false, "only pull requests are looked at"
	case p.MainAge <= 0:
		return false, "no age is given for tags of main"
	case date.IsZero():
		return false, "its age is not known"
	case rank < p.MainKeep:
		return false, fmt.Sprintf("among the newest %d of main", p.MainKeep)
	case age < p.MainAge:
		return false, "only " + days(age) + " old"
	}
	return true, days(age) + " old, and not among the newest " + strconv.Itoa(p.MainKeep)
}

func (p Policy) judgePull(n int) (goes bool, reason string) {
	closed, known := p.Closed[n]
	switch {
	case !known:
		return false, fmt.Sprintf("pull request %d is not known to be closed", n)
	case !closed:
		return false, fmt.Sprintf("pull request %d is open", n)
	}
	return true, fmt.Sprintf("pull request %d is closed", n)
}

// ranks numbers the tags of main from the newest, equal dates by name so that two runs agree.
func ranks(manifests []Manifest) map[string]int {
	type dated struct {
		tag  string
		date time.Time
	}
	var list []dated
	for _, m := range manifests {
		for _, tag := range m.Tags {
			if mainTag.MatchString(tag) && !m.Date.IsZero() {
				list = append(list, dated{tag, m.Date})
			}
		}
	}
	slices.SortFunc(list, func(a, b dated) int {
		if c := b.date.Compare(a.date); c != 0 {
			return c
		}
		if a.tag < b.tag {
			return -1
		}
		return 1
	})
	rank, commits := map[string]int{}, map[string]int{}
	for _, d := range list {
		commit := strings.TrimSuffix(d.tag, "-all")
		if _, known := commits[commit]; !known {
			commits[commit] = len(commits)
		}
		rank[d.tag] = commits[commit]
	}
	return rank
}

// days is an age as a person reads it.
func days(age time.Duration) string {
	if age < 48*time.Hour {
		return progress.Count(int(age/time.Hour), "hour")
	}
	return progress.Count(int(age/(24*time.Hour)), "day")
}
