package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const passwordVar = "POSTGRES_PASSWORD"

// access lets whoever is in the container in, and asks everybody else for the password.
const access = "local all all trust\nhost all all all scram-sha-256\n"

// database is the one database of a server.
type database struct {
	data     string // folder
	user     string
	password string
	name     string
	// start runs a command; nil is its own Run. PostgreSQL refuses to run as root, so a test that does changes the user here.
	start func(*exec.Cmd) error
}

// read takes the four variables; the error names each that is missing.
func read(lookup func(string) (string, bool)) (database, error) {
	var missing []string
	get := func(name string) string {
		value, _ := lookup(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	db := database{data: get("PGDATA"), user: get("POSTGRES_USER"), password: get(passwordVar), name: get("POSTGRES_DB")}
	if len(missing) > 0 {
		return database{}, fmt.Errorf("reading the environment: not set: %s", strings.Join(missing, ", "))
	}
	// Single-user mode takes a line for a statement.
	for name, value := range map[string]string{"POSTGRES_USER": db.user, passwordVar: db.password, "POSTGRES_DB": db.name} {
		if strings.ContainsAny(value, "\n\r") {
			return database{}, fmt.Errorf("reading the environment: %s must be one line", name)
		}
	}
	return db, nil
}

// ensure makes the data unless they are there.
func (db database) ensure() error {
	if _, err := os.Stat(db.data); err == nil {
		return nil
	}
	part := db.data + ".part"
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("making database %q: %w", db.name, err)
	}
	if err := db.initialise(part); err != nil {
		return fmt.Errorf("making database %q: %w", db.name, err)
	}
	if err := os.Rename(part, db.data); err != nil {
		return fmt.Errorf("making database %q: %w", db.name, err)
	}
	return nil
}

func (db database) initialise(dir string) error {
	// The image has no locales but C; the databases' texts are UTF-8 all the same. The log's first segment is on the disk before it is
	// written, and a suite writes less than 1 MB of 16.
	if err := db.command("", "initdb", "-D", dir, "--username="+db.user, "--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--no-locale", "--no-sync", "--wal-segsize=1"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return err
	}
	// A failed statement would stand in the log, and the password in it.
	return db.command(db.statements(), "postgres", "--single", "-D", dir, "-c", "log_min_error_statement=panic", "postgres")
}

// statements give the password and make the database.
func (db database) statements() string {
	text := fmt.Sprintf("ALTER ROLE %s PASSWORD %s\n", quote(`"`, db.user), quote("'", db.password))
	if db.name == "postgres" {
		return text
	}
	return text + fmt.Sprintf("CREATE DATABASE %s\n", quote(`"`, db.name))
}

// quote doubles the quotation marks inside, which is all that standard_conforming_strings needs.
func quote(mark, text string) string {
	return mark + strings.ReplaceAll(text, mark, mark+mark) + mark
}

// command runs a program of PostgreSQL with what it says going to the container's log.
func (db database) command(input, name string, args ...string) error {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), os.Stderr, os.Stderr
	cmd.Env = withoutPassword(os.Environ())
	start := db.start
	if start == nil {
		start = (*exec.Cmd).Run
	}
	if err := start(cmd); err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	return nil
}
