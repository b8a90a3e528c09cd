package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	sqlitedriver "modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"
)

// classifyPostgres reads SQLSTATE. An error without one comes from the connection: refused, broken, too slow.
//
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func classifyPostgres(err error) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return ErrUnavailable
	}
	if server.Code == "23505" {
		return ErrConflict
	}
	switch server.Code[:2] {
	// Connection, transaction rollback (serialisation), resources, operator intervention, system error.
	case "08", "40", "53", "57", "58":
		return ErrUnavailable
	}
	return nil
}

// classifySQLite reads the result code, whose low byte is the primary one.
//
// https://www.sqlite.org/rescode.html
func classifySQLite(err error) error {
	var server *sqlitedriver.Error
	if !errors.As(err, &server) {
		if errors.Is(err, context.DeadlineExceeded) {
			return ErrUnavailable
		}
		return nil
	}
	if server.Code() == sqlitecode.SQLITE_CONSTRAINT_UNIQUE {
		return ErrConflict
	}
	switch server.Code() & 0xff {
	case sqlitecode.SQLITE_BUSY, sqlitecode.SQLITE_READONLY, sqlitecode.SQLITE_IOERR, sqlitecode.SQLITE_FULL, sqlitecode.SQLITE_CANTOPEN:
		return ErrUnavailable
	}
	return nil
}
