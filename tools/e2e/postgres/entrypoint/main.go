// Entrypoint starts PostgreSQL in the image that machines without internet make of Debian's packages. It understands the
// part of the official image's environment that the manifest uses, so that one manifest fits both:
//
//	PGDATA             the folder of the data; it is made when it is not there
//	POSTGRES_USER      the superuser
//	POSTGRES_PASSWORD  the superuser's password
//	POSTGRES_DB        the database that the superuser owns
//
// The first start makes the data beside PGDATA and renames them, so that a start that was cut off leaves nothing that
// looks like data. Then the program replaces itself by the server, which gets the signals and does not see the password.
// The password is on no command line and in no file; what the server keeps of it is a SCRAM verifier.
//
// Non-goals: scripts and settings of other kinds, upgrades, replication.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

func main() {
	err := run(os.LookupEnv, os.Environ(), os.Args[1:])
	fmt.Fprintf(os.Stderr, "entrypoint: error: %v\n", err)
	os.Exit(1)
}

// run returns only when it fails.
func run(lookup func(string) (string, bool), environ, args []string) error {
	db, err := read(lookup)
	if err != nil {
		return err
	}
	if err := db.ensure(); err != nil {
		return err
	}
	server, err := exec.LookPath("postgres")
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	argv := append([]string{server, "-D", db.data, "-c", "listen_addresses=*"}, args...)
	return fmt.Errorf("starting %q: %w", server, syscall.Exec(server, argv, withoutPassword(environ)))
}

func withoutPassword(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool { return strings.HasPrefix(pair, passwordVar+"=") })
}
