// Package store keeps audit events and workflows in SQL: in PostgreSQL, or in an embedded SQLite that needs no server.
//
// Both databases run the same statements with $n parameters; what differs (opening, migrations, row locks, error codes) is
// a dialect. Times are stored as microseconds since 1970, so that both order and compare them alike.
//
// A store can be opened while PostgreSQL is away: until Migrate has succeeded every method answers ErrUnavailable.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Errors that methods of Store wrap.
var (
	// ErrNotFound means that no record has the id.
	ErrNotFound = errors.New("record not found")
	// ErrConflict means that a record with the same key exists.
	ErrConflict = errors.New("record exists")
	// ErrUnavailable means that the database cannot be reached, is not migrated yet, or cannot write now.
	ErrUnavailable = errors.New("database unavailable")
)

// queryTimeout bounds one method's work in the database.
const queryTimeout = 10 * time.Second

//go:embed migrations
var migrations embed.FS

// Store is safe for concurrent use.
type Store struct {
	db       *sql.DB
	dialect  dialect
	migrated atomic.Bool
	// anchor keeps one connection to an in-memory database open, for its content goes with the last connection. Nil otherwise.
	anchor *sql.DB
}

// dialect is what differs between databases.
type dialect struct {
	goose   goose.Dialect
	folder  string
	forRow  string // appended to a SELECT to lock its row until the transaction ends
	lockKey string // locks the text $1 until the transaction ends; empty where there is one writer anyway
	options func() ([]goose.ProviderOption, error)
	// classify returns ErrConflict, ErrUnavailable or nil for a driver's error.
	classify func(error) error
}

func postgres() dialect {
	return dialect{
		goose: goose.DialectPostgres, folder: "migrations/postgres", forRow: " FOR UPDATE",
		lockKey: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", classify: classifyPostgres,
		options: func() ([]goose.ProviderOption, error) {
			// Several replicas may start at once; one migrates, the others wait for it.
			locker, err := lock.NewPostgresSessionLocker()
			return []goose.ProviderOption{goose.WithSessionLocker(locker)}, err
		},
	}
}

func sqlite() dialect {
	return dialect{
		goose: goose.DialectSQLite3, folder: "migrations/sqlite", classify: classifySQLite,
		options: func() ([]goose.ProviderOption, error) { return nil, nil },
	}
}

// Migrate brings the schema to the present version. It may be called again after an error, and when Migrated has become
// false.
func (s *Store) Migrate(ctx context.Context) error {
	folder, err := fs.Sub(migrations, s.dialect.folder)
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	options, err := s.dialect.options()
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	provider, err := goose.NewProvider(s.dialect.goose, s.db, folder, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating database: %w", err)
	}
	s.migrated.Store(true)
	return nil
}

// Migrated reports whether the schema was there when somebody last looked: Migrate or Ready.
func (s *Store) Migrated() bool { return s.migrated.Load() }

// Ready returns nil when the database answers and has the schema. A server that has come back without it, because it was
// set up anew, needs Migrate again; until then every method answers ErrUnavailable.
func (s *Store) Ready(ctx context.Context) error {
	if !s.migrated.Load() {
		return fmt.Errorf("%w: the schema is not migrated yet", ErrUnavailable)
	}
	var one int
	err := s.db.QueryRowContext(ctx, "SELECT 1 FROM "+goose.DefaultTablename+" LIMIT 1").Scan(&one)
	if err != nil && ctx.Err() == nil && !errors.Is(s.dialect.classify(err), ErrUnavailable) {
		s.migrated.Store(false)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Close closes all connections.
func (s *Store) Close() error {
	errs := []error{s.db.Close()}
	if s.anchor != nil {
		errs = append(errs, s.anchor.Close())
	}
	return errors.Join(errs...)
}

// do runs work in a transaction, and wraps its error with what was done and with the error's class.
func (s *Store) do(ctx context.Context, doing string, work func(context.Context, *sql.Tx) error) error {
	if !s.migrated.Load() {
		return fmt.Errorf("%s: %w: the schema is not migrated yet", doing, ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := s.transact(ctx, work)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict):
		return fmt.Errorf("%s: %w", doing, err)
	}
	if class := s.dialect.classify(err); class != nil {
		return fmt.Errorf("%s: %w: %w", doing, class, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (s *Store) transact(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(ctx, tx); err != nil {
		// The work's error is the cause; a rollback that fails as well adds nothing to it.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
