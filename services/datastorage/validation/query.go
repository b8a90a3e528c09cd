package validation

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// query reads the parameters of a URL and gathers their faults. A parameter that nobody knows, or that is given twice, is
// a fault: a misspelt filter would otherwise select everything.
type query struct {
	values url.Values
	faults Faults
}

func newQuery(values url.Values, known ...string) query {
	q := query{values: values, faults: Faults{}}
	for name, given := range values {
		if !slices.Contains(known, name) {
			q.faults.set(name, "unknown parameter, known are %s", strings.Join(known, ", "))
		} else if len(given) > 1 {
			q.faults.set(name, "must be given once, got %d", len(given))
		}
	}
	return q
}

func (q query) token(name string) string {
	value := q.values.Get(name)
	q.faults.token(name, value)
	return value
}

func (q query) wildcard(name string) string {
	value := q.values.Get(name)
	q.faults.form(name, value, wildcard, tokenForm+", or *")
	return value
}

func (q query) page(most int) (limit, offset int) {
	return q.number("limit", 50, 1, most), q.number("offset", 0, 0, 1<<31-1)
}

func (q query) number(name string, fallback, least, most int) int {
	if !q.values.Has(name) {
		return fallback
	}
	text := q.values.Get(name)
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		q.faults.set(name, "must be a whole number from %d to %d, got %q", least, most, text)
		return fallback
	}
	return value
}

// instant reads RFC 3339, or a duration such as 24h that counts back from now.
func (q query) instant(name string, now time.Time) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	if back, err := time.ParseDuration(text); err == nil && back >= 0 {
		return now.Add(-back)
	}
	return q.faults.timestamp(name, text)
}

// Limits of a page.
const (
	MaxEvents    = 1000
	MaxWorkflows = 100
)

// Events reads the query of audit events.
func Events(values url.Values, now time.Time) (store.EventFilter, error) {
	q := newQuery(values, "correlation_id", "event_type", "event_category", "event_outcome", "severity", "since", "until", "limit", "offset")
	filter := store.EventFilter{
		CorrelationID: q.token("correlation_id"),
		Type:          names.EventType(q.token("event_type")),
		Category:      names.EventCategory(values.Get("event_category")),
		Outcome:       names.EventOutcome(values.Get("event_outcome")),
		Severity:      q.token("severity"),
		Since:         q.instant("since", now),
		Until:         q.instant("until", now),
	}
	oneOf(q.faults, "event_category", filter.Category, names.EventCategories())
	oneOf(q.faults, "event_outcome", filter.Outcome, names.EventOutcomes())
	filter.Limit, filter.Offset = q.page(MaxEvents)
	return filter, q.faults.Err("the query is not valid")
}

// Workflows reads the query of workflows.
func Workflows(values url.Values) (store.WorkflowFilter, error) {
	q := newQuery(values, "status", "environment", "priority", "component", "workflow_name", "limit", "offset")
	filter := store.WorkflowFilter{
		Status:       catalog.Status(values.Get("status")),
		Environment:  q.wildcard("environment"),
		Priority:     q.wildcard("priority"),
		Component:    q.wildcard("component"),
		WorkflowName: q.token("workflow_name"),
	}
	oneOf(q.faults, "status", filter.Status, catalog.Statuses())
	filter.Limit, filter.Offset = q.page(MaxWorkflows)
	return filter, q.faults.Err("the query is not valid")
}
