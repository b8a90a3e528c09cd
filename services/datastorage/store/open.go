package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	// The driver "sqlite", in pure Go.
	_ "modernc.org/sqlite"
)

// Config chooses the database.
type Config struct {
	// DatabaseURL is a PostgreSQL URL or key=value string; empty means SQLite.
	DatabaseURL string
	// DataDir is the folder of SQLite's file; empty keeps everything in memory. The folder must exist.
	DataDir string
}

// Open prepares connections without making one. It fails when DatabaseURL cannot be understood; the error does not quote
// it, for it may hold a password.
func Open(cfg Config) (*Store, error) {
	switch {
	case cfg.DatabaseURL != "":
		return openPostgres(cfg.DatabaseURL)
	case cfg.DataDir != "":
		return openFile(filepath.Join(cfg.DataDir, "datastorage.db"))
	}
	return openMemory()
}

func openPostgres(databaseURL string) (*Store, error) {
	parsed, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("DATABASE_URL must be postgres://user@host:port/database or key=value pairs")
	}
	if parsed.ConnectTimeout == 0 { // a busy server is not one that is away: the work that waits for a connection has the same time
		parsed.ConnectTimeout = queryTimeout
	}
	db := stdlib.OpenDB(*parsed)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(4)
	// Connections come to an end, so that a failover's new address is found.
	db.SetConnMaxLifetime(30 * time.Minute)
	return &Store{db: db, dialect: postgres()}, nil
}

func openFile(path string) (*Store, error) {
	db, err := openSQLite("file:"+url.PathEscape(path), url.Values{"_pragma": {"journal_mode(WAL)", "busy_timeout(5000)"}})
	if err != nil {
		return nil, err
	}
	return &Store{db: db, dialect: sqlite()}, nil
}

// openMemory uses SQLite's "memdb" file system. With ":memory:" each pooled connection would have a database of its own,
// and a connection that the pool discards (a cancelled transaction does that) would take all events with it.
func openMemory() (*Store, error) {
	name, options := "file:/"+uuid.NewString(), url.Values{"vfs": {"memdb"}, "_pragma": {"busy_timeout(5000)"}}
	db, err := openSQLite(name, options)
	if err != nil {
		return nil, err
	}
	anchor, err := openSQLite(name, options)
	if err == nil {
		err = anchor.Ping()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening database in memory: %w", err), db.Close())
	}
	return &Store{db: db, dialect: sqlite(), anchor: anchor}, nil
}

// openSQLite allows one connection: SQLite has one writer anyway, and so no caller ever meets SQLITE_BUSY.
func openSQLite(name string, options url.Values) (*sql.DB, error) {
	options.Set("_txlock", "immediate")
	db, err := sql.Open("sqlite", name+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening database %q: %w", name, err)
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db, nil
}
