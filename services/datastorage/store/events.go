package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// EventFilter selects events. Empty fields select all.
type EventFilter struct {
	CorrelationID string
	Type          names.EventType
	Category      names.EventCategory
	Outcome       names.EventOutcome
	Severity      string
	// Since is inclusive, Until exclusive.
	Since, Until time.Time
	// Limit 0 means all.
	Limit, Offset int
}

const eventColumns = `event_id, version, event_type, event_timestamp, event_category, event_action, event_outcome,
	correlation_id, event_data, actor_type, actor_id, resource_type, resource_id, parent_event_id, namespace,
	cluster_name, severity, duration_ms`

const insertEvent = `INSERT INTO audit_events (` + eventColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
	ON CONFLICT (event_id) DO NOTHING`

// AppendEvents stores all events or none. An event whose id is stored already is passed over: it is the same event, sent
// again. Timestamps are kept in whole microseconds.
func (s *Store) AppendEvents(ctx context.Context, events []audit.Event) error {
	return s.do(ctx, "storing audit events", func(ctx context.Context, tx *sql.Tx) error {
		statement, err := tx.PrepareContext(ctx, insertEvent)
		if err != nil {
			return err
		}
		defer statement.Close()
		for _, e := range events {
			_, err := statement.ExecContext(ctx, e.ID, e.Version, string(e.Type), e.Timestamp.UnixMicro(), string(e.Category),
				e.Action, string(e.Outcome), e.CorrelationID, string(e.Data), e.ActorType, e.ActorID, e.ResourceType, e.ResourceID,
				e.ParentEventID, e.Namespace, e.ClusterName, e.Severity, e.DurationMS)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Events returns the selected events, oldest first, events of one instant in the order of their arrival, and how many
// events the filter selects without its limit.
func (s *Store) Events(ctx context.Context, filter EventFilter) (events []audit.Event, total int, err error) {
	conditions := filter.where()
	err = s.do(ctx, "reading audit events", func(ctx context.Context, tx *sql.Tx) error {
		count := "SELECT COUNT(*) FROM audit_events" + conditions.String()
		if err := tx.QueryRowContext(ctx, count, conditions.args...).Scan(&total); err != nil {
			return err
		}
		limit, args := conditions.page(filter.Limit, filter.Offset)
		query := "SELECT " + eventColumns + " FROM audit_events" + conditions.String() + " ORDER BY event_timestamp, sequence" + limit
		events, err = collect(ctx, tx, query, args, scanEvent)
		return err
	})
	return events, total, err
}

func (f EventFilter) where() *where {
	w := &where{}
	w.equal("correlation_id", f.CorrelationID)
	w.equal("event_type", string(f.Type))
	w.equal("event_category", string(f.Category))
	w.equal("event_outcome", string(f.Outcome))
	w.equal("severity", f.Severity)
	if !f.Since.IsZero() {
		w.add("event_timestamp", ">=", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		w.add("event_timestamp", "<", f.Until.UnixMicro())
	}
	return w
}

func scanEvent(rows *sql.Rows) (audit.Event, error) {
	var (
		e        audit.Event
		micros   int64
		data     string
		duration sql.NullInt64
	)
	err := rows.Scan(&e.ID, &e.Version, &e.Type, &micros, &e.Category, &e.Action, &e.Outcome, &e.CorrelationID, &data,
		&e.ActorType, &e.ActorID, &e.ResourceType, &e.ResourceID, &e.ParentEventID, &e.Namespace, &e.ClusterName, &e.Severity, &duration)
	e.Timestamp = time.UnixMicro(micros).UTC()
	e.Data = json.RawMessage(data)
	if duration.Valid {
		e.DurationMS = &duration.Int64
	}
	return e, err
}

// collect returns all rows of a query; an empty result is an empty list, not nil.
func collect[T any](ctx context.Context, tx *sql.Tx, query string, args []any, scan func(*sql.Rows) (T, error)) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
