// Command cmd is a registry with GitHub's habits on loopback, for tests of whole pipelines. It prints the registry's
// host:port and the address of its REST API, a line each, and runs until it gets SIGTERM or SIGINT.
//
//	{"Accounts": [{"User": "octocat", "Token": "t", "Scopes": ["write:packages"], "Owners": ["kubernaut"]}], "TagLag": 2}
//
// is a configuration; the fields are those of ghcr.Options. GET <address>/counts says what was asked so far, DELETE begins anew.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/test/ghcr"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ghcr:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("ghcr", flag.ContinueOnError)
	config := flags.String("config", "", "JSON file with the options; everybody is anonymous without one")
	address := flags.String("address", "", "host:port to listen on; the configuration's, else a free port of 127.0.0.1, when empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o, err := read(*config)
	if err != nil {
		return err
	}
	if *address != "" {
		o.Address = *address
	}
	server, err := ghcr.New(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n%s\n", server.Host, server.API)
	<-ctx.Done()
	return server.Close()
}

// read refuses fields that do not exist: a misspelt fault would be one that never comes.
func read(name string) (o ghcr.Options, err error) {
	if name == "" {
		return o, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return o, err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return o, fmt.Errorf("reading %q: %w", name, err)
	}
	return o, nil
}
