package deploy

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// graceOfCause is how long a cause that waiting does not cure is given, because it may be that of a rollout that is just
	// being replaced, or a Secret may just be being made.
	graceOfCause = 10 * time.Second
	// graceOfCrash is how long a container may crash while other workloads of the suite are not ready: it may need them.
	graceOfCrash = 45 * time.Second
	// crashes is how many restarts make a crash more than a hiccup.
	crashes = 2
)

// fate is how little hope a reason leaves.
type fate int

const (
	hopeful  fate = iota // waiting may help
	stuck                // only another manifest or delivery helps
	crashing             // the container exits again and again; it may need another workload
	lost                 // the node cannot even look at the image
)

// sign is a workload that is not ready, and why.
type sign struct {
	object object
	reason reason
}

// patience decides when to stop waiting for the workloads of one suite. It is pure: the clock is the caller's.
type patience struct {
	first    map[string]time.Time // "<pod's UID> <container> <fate>" to when it was first seen
	progress time.Time            // when the last workload became ready; zero before the first one
	pending  int                  // at the last look
}

func newPatience(workloads int) *patience {
	return &patience{first: map[string]time.Time{}, pending: workloads}
}

// hopeless returns those of the pending workloads that will not become ready, none while there is hope.
func (p *patience) hopeless(now time.Time, pending []sign) []sign {
	if len(pending) < p.pending {
		p.progress, p.pending = now, len(pending)
	}
	return slices.DeleteFunc(slices.Clone(pending), func(s sign) bool { return !p.over(now, s.reason, len(pending) > 1) })
}

// over reports whether the reason has been there for long enough to be believed. others are pending too.
func (p *patience) over(now time.Time, r reason, others bool) bool {
	waited := p.since(now, r)
	switch r.fate {
	case lost:
		return true
	case stuck:
		return waited >= graceOfCause
	case crashing:
		// With nobody left to wait for, one more crash than the last workload's arrival is the end.
		return waited >= graceOfCrash || !others && r.ended.After(p.progress)
	}
	return false
}

func (p *patience) since(now time.Time, r reason) time.Duration {
	if r.fate == hopeful {
		return 0
	}
	id := string(r.pod.UID) + " " + r.container + " " + string(rune('0'+r.fate))
	if _, seen := p.first[id]; !seen {
		p.first[id] = now
	}
	return now.Sub(p.first[id])
}

// fateOf judges a container that is not ready.
func fateOf(s corev1.ContainerStatus) fate {
	waiting := s.State.Waiting
	switch {
	case waiting == nil && s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 && s.RestartCount >= crashes:
		return crashing
	case waiting == nil:
		return hopeful
	case waiting.Reason == "ErrImageInspect" || waiting.Reason == "ImageInspectError":
		return lost
	case waiting.Reason == "CrashLoopBackOff" && s.LastTerminationState.Terminated != nil:
		return crashing
	case isImageCause(waiting.Reason) || waiting.Reason == "CreateContainerConfigError":
		return stuck
	}
	return hopeful
}
