-- +goose Up
CREATE TABLE audit_events (
    sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id        TEXT    NOT NULL UNIQUE,
    version         TEXT    NOT NULL,
    event_type      TEXT    NOT NULL,
    event_timestamp INTEGER NOT NULL, -- microseconds since 1970, UTC
    event_category  TEXT    NOT NULL,
    event_action    TEXT    NOT NULL,
    event_outcome   TEXT    NOT NULL,
    correlation_id  TEXT    NOT NULL,
    event_data      TEXT    NOT NULL CHECK (json_valid(event_data)),
    actor_type      TEXT    NOT NULL,
    actor_id        TEXT    NOT NULL,
    resource_type   TEXT    NOT NULL,
    resource_id     TEXT    NOT NULL,
    parent_event_id TEXT    NOT NULL,
    namespace       TEXT    NOT NULL,
    cluster_name    TEXT    NOT NULL,
    severity        TEXT    NOT NULL,
    duration_ms     INTEGER
);
CREATE INDEX audit_events_by_correlation ON audit_events (correlation_id, event_timestamp, sequence);
CREATE INDEX audit_events_by_time ON audit_events (event_timestamp, sequence);

CREATE TABLE workflows (
    sequence          INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id       TEXT    NOT NULL,
    workflow_name     TEXT    NOT NULL,
    version           TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    signal_type       TEXT    NOT NULL,
    component         TEXT    NOT NULL,
    environment       TEXT    NOT NULL,
    priority          TEXT    NOT NULL,
    is_latest_version INTEGER NOT NULL,
    document          TEXT    NOT NULL CHECK (json_valid(document)), -- the rest of the record, as JSON
    UNIQUE (workflow_id, version)
);
CREATE UNIQUE INDEX workflows_one_latest ON workflows (workflow_id) WHERE is_latest_version = 1;

-- +goose Down
DROP TABLE workflows;
DROP TABLE audit_events;
