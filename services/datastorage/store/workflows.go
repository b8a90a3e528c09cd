package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kubernaut/kubernaut/services/internal/catalog"
)

// WorkflowFilter selects workflows. Empty fields select all.
type WorkflowFilter struct {
	ID, WorkflowName, SignalType, Component, Environment, Priority string
	Status                                                         catalog.Status
	// LatestOnly leaves out versions that a later one has replaced.
	LatestOnly bool
	// Limit 0 means all.
	Limit, Offset int
}

// CreateWorkflow stores a new version and makes it the latest one of its id. It returns ErrConflict when the id has this
// version already.
func (s *Store) CreateWorkflow(ctx context.Context, workflow catalog.Workflow) error {
	return s.do(ctx, "storing workflow", func(ctx context.Context, tx *sql.Tx) error {
		// Two versions that arrive at once would both find no earlier one.
		if s.dialect.lockKey != "" {
			if _, err := tx.ExecContext(ctx, s.dialect.lockKey, workflow.ID); err != nil {
				return err
			}
		}
		replaced := "UPDATE workflows SET is_latest_version = 0 WHERE workflow_id = $1 AND is_latest_version = 1"
		if _, err := tx.ExecContext(ctx, replaced, workflow.ID); err != nil {
			return err
		}
		document, err := json.Marshal(workflow)
		if err != nil {
			return fmt.Errorf("encoding workflow: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO workflows (workflow_id, workflow_name, version, status, signal_type, component,
			environment, priority, is_latest_version, document) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)`,
			workflow.ID, workflow.WorkflowName, workflow.Version, string(workflow.Status), workflow.Labels.SignalType,
			workflow.Labels.Component, workflow.Labels.Environment[0], workflow.Labels.Priority, string(document))
		return err
	})
}

// Workflows returns the selected workflows in the order of their creation, and how many the filter selects without its limit.
func (s *Store) Workflows(ctx context.Context, filter WorkflowFilter) (workflows []catalog.Workflow, total int, err error) {
	conditions := filter.where()
	err = s.do(ctx, "reading workflows", func(ctx context.Context, tx *sql.Tx) error {
		count := "SELECT COUNT(*) FROM workflows" + conditions.String()
		if err := tx.QueryRowContext(ctx, count, conditions.args...).Scan(&total); err != nil {
			return err
		}
		limit, args := conditions.page(filter.Limit, filter.Offset)
		query := "SELECT document, is_latest_version FROM workflows" + conditions.String() + " ORDER BY sequence" + limit
		workflows, err = collect(ctx, tx, query, args, func(rows *sql.Rows) (catalog.Workflow, error) { return scanWorkflow(rows) })
		return err
	})
	return workflows, total, err
}

// UpdateWorkflow lets change edit the latest version of a workflow and returns the result. Only status and the fields
// outside the labels may change: the others are the record's key.
func (s *Store) UpdateWorkflow(ctx context.Context, id string, change func(*catalog.Workflow)) (workflow catalog.Workflow, err error) {
	err = s.do(ctx, "updating workflow", func(ctx context.Context, tx *sql.Tx) error {
		query := "SELECT document, is_latest_version FROM workflows WHERE workflow_id = $1 AND is_latest_version = 1" + s.dialect.forRow
		workflow, err = scanWorkflow(tx.QueryRowContext(ctx, query, id))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		change(&workflow)
		document, err := json.Marshal(workflow)
		if err != nil {
			return fmt.Errorf("encoding workflow: %w", err)
		}
		_, err = tx.ExecContext(ctx, "UPDATE workflows SET status = $1, document = $2 WHERE workflow_id = $3 AND version = $4",
			string(workflow.Status), string(document), id, workflow.Version)
		return err
	})
	return workflow, err
}

func (f WorkflowFilter) where() *where {
	w := &where{}
	w.equal("workflow_id", f.ID)
	w.equal("workflow_name", f.WorkflowName)
	w.equal("signal_type", f.SignalType)
	w.equal("component", f.Component)
	w.equal("environment", f.Environment)
	w.equal("priority", f.Priority)
	w.equal("status", string(f.Status))
	if f.LatestOnly {
		w.add("is_latest_version", "=", 1)
	}
	return w
}

func scanWorkflow(row interface{ Scan(...any) error }) (workflow catalog.Workflow, err error) {
	var document string
	var latest int
	if err := row.Scan(&document, &latest); err != nil {
		return workflow, err
	}
	if err := json.Unmarshal([]byte(document), &workflow); err != nil {
		return workflow, fmt.Errorf("decoding stored workflow: %w", err)
	}
	workflow.IsLatestVersion = latest == 1
	return workflow, nil
}
