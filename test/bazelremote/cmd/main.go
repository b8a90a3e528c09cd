// Command cmd is a bazel-remote on loopback, for tests of Bazel itself. It prints its two endpoints as --remote_cache takes
// them, gRPC first, and runs until it gets SIGTERM or SIGINT.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/test/bazelremote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetOutput(io.Discard) // bazel-remote tells what it loads
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bazelremote:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o bazelremote.Options
	flags := flag.NewFlagSet("bazelremote", flag.ContinueOnError)
	flags.StringVar(&o.Dir, "dir", "", "folder of the blobs; a temporary one when empty")
	flags.StringVar(&o.GRPC, "grpc", "", "host:port for gRPC; a free port of 127.0.0.1 when empty")
	flags.StringVar(&o.HTTP, "http", "", "host:port for HTTP; a free port of 127.0.0.1 when empty")
	flags.StringVar(&o.Storage, "storage", "zstd", "how blobs are kept: zstd or uncompressed")
	flags.Int64Var(&o.MaxSize, "max-size", 0, "bytes of all blobs; 20 GiB when 0")
	flags.StringVar(&o.Htpasswd, "htpasswd", "", "file of users who may use it; everybody when empty")
	flags.StringVar(&o.Certificate, "certificate", "", "PEM file for TLS; with --key")
	flags.StringVar(&o.Key, "key", "", "PEM file of the certificate's key")
	flags.StringVar(&o.ClientCA, "client-ca", "", "PEM file of the authority whose certificates clients need")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := bazelremote.Start(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n%s\n", server.GRPC, server.HTTP)
	<-ctx.Done()
	return server.Close()
}
