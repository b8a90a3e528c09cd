package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secret has what SQL and a shell would take for their own.
const secret = `it's "$(secret)" \n ;--`

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func TestRead(t *testing.T) {
	full := map[string]string{"PGDATA": "/data", "POSTGRES_USER": "u", "POSTGRES_PASSWORD": secret, "POSTGRES_DB": "d"}
	got, err := read(lookup(full))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/data", "u", secret, "d"}, []string{got.data, got.user, got.password, got.name}); diff != "" {
		t.Errorf("database (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"PGDATA":            "reading the environment: not set: PGDATA",
		"POSTGRES_PASSWORD": "reading the environment: not set: POSTGRES_PASSWORD",
	} {
		values := map[string]string{}
		for key, value := range full {
			if key != name {
				values[key] = value
			}
		}
		if _, err := read(lookup(values)); err == nil || err.Error() != want {
			t.Errorf("without %s: got %v, want %s", name, err, want)
		}
	}
	full["POSTGRES_PASSWORD"] = "hunter2\nDROP DATABASE d"
	if _, err := read(lookup(full)); err == nil || err.Error() != "reading the environment: POSTGRES_PASSWORD must be one line" {
		t.Errorf("two lines: got %v", err)
	}
}

func TestStatements(t *testing.T) {
	got := database{user: `a"b`, password: secret, name: "d"}.statements()
	want := `ALTER ROLE "a""b" PASSWORD 'it''s "$(secret)" \n ;--'` + "\n" + `CREATE DATABASE "d"` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}

func TestWithoutPassword(t *testing.T) {
	got := withoutPassword([]string{"POSTGRES_DB=d", "POSTGRES_PASSWORD=x", "POSTGRES_PASSWORD_FILE=/f", "PATH=/bin"})
	if diff := cmp.Diff([]string{"POSTGRES_DB=d", "POSTGRES_PASSWORD_FILE=/f", "PATH=/bin"}, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

// programs puts the machine's PostgreSQL first in PATH.
func programs(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err == nil && len(found) > 0 {
		t.Setenv("PATH", found[len(found)-1]+":"+os.Getenv("PATH"))
		return
	}
	if os.Getenv("CI") == "true" || os.Getenv("REQUIRE_POSTGRES") == "1" {
		t.Fatal("PostgreSQL is required here and /usr/lib/postgresql has none")
	}
	t.Skip("THE ENTRYPOINT IS NOT TESTED ON THIS MACHINE: /usr/lib/postgresql is empty. Install the Debian package postgresql to test it")
}

// unprivileged returns a folder and a way to start commands that work for root, too: as the user nobody.
func unprivileged(t *testing.T) (string, func(*exec.Cmd) error) {
	t.Helper()
	if os.Getuid() != 0 {
		return t.TempDir(), nil
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("/tmp", "entrypoint")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return dir, func(cmd *exec.Cmd) error {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = dir
		return cmd.Run()
	}
}

// query asks the stopped server.
func query(t *testing.T, db database, statement string) string {
	t.Helper()
	var output bytes.Buffer
	db.start = capture(db.start, &output)
	if err := db.command(statement+"\n", "postgres", "--single", "-D", db.data, db.name); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	return output.String()
}

func capture(start func(*exec.Cmd) error, output *bytes.Buffer) func(*exec.Cmd) error {
	if start == nil {
		start = (*exec.Cmd).Run
	}
	return func(cmd *exec.Cmd) error {
		cmd.Stdout, cmd.Stderr = output, output
		return start(cmd)
	}
}

func TestEnsure(t *testing.T) {
	programs(t)
	dir, start := unprivileged(t)
	db := database{data: filepath.Join(dir, "data"), user: "owner", password: secret, name: "records", start: start}
	var output bytes.Buffer
	making := db
	making.start = capture(start, &output)
	// What a start that was cut off leaves.
	if err := os.Mkdir(db.data+".part", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := making.ensure(); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	if strings.Contains(output.String(), "secret") {
		t.Errorf("the log holds the password:\n%s", output.String())
	}
	verifier := query(t, db, "SELECT rolpassword FROM pg_authid WHERE rolname = 'owner'")
	if !strings.Contains(verifier, "SCRAM-SHA-256$") {
		t.Errorf("the password is not kept as a verifier: %s", verifier)
	}
	if got := query(t, db, "SELECT current_database(), getdatabaseencoding()"); !strings.Contains(got, `"records"`) || !strings.Contains(got, `"UTF8"`) {
		t.Errorf("database: got %s, want records in UTF8", got)
	}
	query(t, db, "CREATE TABLE kept (n int)")
	if err := db.ensure(); err != nil {
		t.Fatal(err)
	}
	if got := query(t, db, "SELECT count(*) FROM kept"); !strings.Contains(got, `count = "0"`) {
		t.Errorf("after a second start: got %s, want the table", got)
	}
	if _, err := os.Stat(db.data + ".part"); !os.IsNotExist(err) {
		t.Errorf("the folder beside the data: got %v, want none", err)
	}
}
