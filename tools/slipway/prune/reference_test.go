package prune_test

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// state is what a repository has: its manifests' digests, and its tags with the digests that they point to.
type state struct {
	Manifests []string
	Tags      map[string]string
}

// reference says what pruning must leave of a world, by the plainest means: sets, and going over all of them until nothing
// changes any more. It shares nothing with the package, not even the way names are read.
type reference struct {
	world *world
	lists bool // the registry lists manifests without a tag, and dates them, but cannot remove a tag alone
}

func (r reference) left() state {
	kept := r.kept()
	visible := r.visible()
	s := state{Tags: map[string]string{}}
	for _, i := range r.world.items {
		if !kept[i.digest] && visible[i.digest] {
			continue
		}
		s.Manifests = append(s.Manifests, i.digest)
		for _, tag := range i.tags {
			if strings.HasPrefix(tag, "sha256-") || r.stays(tag, i.date) || r.lists {
				s.Tags[tag] = i.digest
			}
		}
	}
	sort.Strings(s.Manifests)
	return s
}

func (r reference) kept() map[string]bool {
	kept := map[string]bool{}
	for _, i := range r.world.items {
		own := false
		for _, tag := range i.tags {
			if strings.HasPrefix(tag, "sha256-") {
				continue
			}
			own = true
			if r.stays(tag, i.date) {
				kept[i.digest] = true
				if i.subject != "" {
					kept[i.subject] = true
				}
			}
		}
		if r.lists && !own && now.Sub(i.date) < 24*time.Hour {
			kept[i.digest] = true
		}
	}
	return r.closure(kept, false)
}

// visible are the manifests that can be found at all.
func (r reference) visible() map[string]bool {
	seen := map[string]bool{}
	for _, i := range r.world.items {
		seen[i.digest] = r.lists || len(i.tags) > 0
	}
	return r.closure(seen, true)
}

// closure adds what hangs on the set, and also what it hangs on when upwards.
func (r reference) closure(set map[string]bool, upwards bool) map[string]bool {
	for changed := true; changed; {
		changed = false
		for _, i := range r.world.items {
			if !set[i.digest] {
				continue
			}
			hangs := strings.Replace(i.digest, ":", "-", 1)
			for _, other := range r.world.items {
				follows := slices.Contains(i.children, other.digest) || other.subject == i.digest || upwards && i.subject == other.digest
				for _, tag := range other.tags {
					follows = follows || strings.HasPrefix(tag, hangs)
				}
				if follows && !set[other.digest] {
					set[other.digest] = true
					changed = true
				}
			}
		}
	}
	return set
}

// stays is the policy of the tests, for one tag.
func (r reference) stays(tag string, date time.Time) bool {
	if number, ok := strings.CutPrefix(tag, "pr-"); ok {
		n, err := strconv.Atoi(number)
		return err != nil || n%5 == 0 || n%2 == 1
	}
	if !strings.HasPrefix(tag, "main-") {
		return true
	}
	newer := 0
	for _, i := range r.world.items {
		for _, other := range i.tags {
			if strings.HasPrefix(other, "main-") && (i.date.After(date) || i.date.Equal(date) && other < tag) {
				newer++
			}
		}
	}
	return newer < 20 || now.Sub(date) < 14*24*time.Hour
}
