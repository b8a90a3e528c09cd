package fullpipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kubernaut/kubernaut/services/api"
)

// count is how often an event type must be in a trail.
type count struct {
	n    int
	more bool // n or more
}

func (c count) admits(n int) bool { return n == c.n || c.more && n > c.n }

func (c count) String() string {
	if c.more {
		return fmt.Sprintf("at least %d", c.n)
	}
	return fmt.Sprintf("exactly %d", c.n)
}

// table is what a trail must hold. A type that is not in it must not be in the trail.
type table map[api.EventType]count

func exactly(n int, types ...api.EventType) table { return all(count{n: n}, types) }
func atLeast(n int, types ...api.EventType) table { return all(count{n: n, more: true}, types) }

func all(c count, types []api.EventType) table {
	made := table{}
	for _, kind := range types {
		made[kind] = c
	}
	return made
}

// with returns a table with the rows of others in place of its own.
func (t table) with(others ...table) table {
	sum := table{}
	for _, other := range append([]table{t}, others...) {
		maps.Copy(sum, other)
	}
	return sum
}

// investigated is the trail of every flow up to the answer of holmesgpt-api; transitions are those of the request. What may be
// tried again is there at least once: calls, searches and what the model was asked.
func investigated(transitions int) table {
	return exactly(1,
		api.EventSignalReceived, api.EventCRDCreated,
		api.EventLifecycleCreated, api.EventLifecycleStarted,
		api.EventEnrichmentCompleted, api.EventClassificationDecision, api.EventBusinessClassified, api.EventSignalProcessed,
		api.EventAnalysisCompleted,
	).with(
		exactly(transitions, api.EventLifecycleTransitioned),
		exactly(4, api.EventSignalProcessingPhase),
		exactly(2, api.EventAnalysisPhase),
		atLeast(1, api.EventHolmesGPTCall, api.EventHolmesGPTResponseComplete, api.EventSearchCompleted),
	)
}

// analyzed is the trail of a flow whose workflow has gone before the policy.
func analyzed(transitions int) table {
	return investigated(transitions).with(
		exactly(3, api.EventAnalysisPhase), exactly(1, api.EventApprovalDecision), atLeast(1, api.EventRegoEvaluation))
}

// executed is the trail of a flow whose workflow has run; each of its messages is sent once on each channel.
func executed(transitions, messages int) table {
	return analyzed(transitions).with(
		exactly(1, api.EventSelectionCompleted, api.EventExecutionStarted, api.EventExecutionWorkflowStarted, api.EventExecutionWorkflowDone,
			api.EventLifecycleCompleted),
		exactly(messages*channels, api.EventMessageSent))
}

// compare returns how a trail differs from the table, and whether something in it happened twice to one object.
func (t table) compare(trail []api.AuditEvent) error {
	got := map[api.EventType]int{}
	for _, event := range trail {
		got[event.Type]++
	}
	var errs []error
	for _, kind := range slices.Sorted(maps.Keys(t.with(all(count{}, slices.Collect(maps.Keys(got)))))) {
		want := t[kind]
		if !want.admits(got[kind]) {
			errs = append(errs, fmt.Errorf("%d of %s, want %s", got[kind], kind, want))
		}
	}
	return errors.Join(append(errs, sentTwice(trail)...)...)
}

// sentTwice finds messages that were sent more than once on one channel.
func sentTwice(trail []api.AuditEvent) (errs []error) {
	seen := map[string]bool{}
	for _, event := range trail {
		if event.Type != api.EventMessageSent {
			continue
		}
		var data struct{ Channel string }
		if err := json.Unmarshal(event.Data, &data); err != nil {
			errs = append(errs, err)
		}
		key := event.ResourceID + " by " + data.Channel
		if seen[key] {
			errs = append(errs, fmt.Errorf("%s was sent twice", key))
		}
		seen[key] = true
	}
	return errs
}

// phases returns those that the request went through.
func phases(trail []api.AuditEvent) ([]api.Phase, error) {
	var all []api.Phase
	for _, event := range trail {
		if event.Type != api.EventLifecycleTransitioned {
			continue
		}
		var data struct{ From, To api.Phase }
		if err := json.Unmarshal(event.Data, &data); err != nil {
			return nil, err
		}
		if len(all) == 0 {
			all = append(all, data.From)
		}
		all = append(all, data.To)
	}
	return all, nil
}
