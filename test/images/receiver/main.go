// Receiver is a webhook receiver for suites: it remembers what is posted to it and answers as it is told. It is no part of the
// platform. See package inbox for its routes.
//
// It speaks plain HTTP on --http (default :8080) and, with a certificate of its own that nobody trusts, HTTPS on --https
// (default :8443; empty turns it off). With --serve-dir=DIR it serves the files of a folder under /files/ as well: as a second
// container beside a program that writes into a volume, it lets a suite read what a pod without a shell has written.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/test/images/receiver/inbox"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "receiver: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("receiver", flag.ContinueOnError)
	plain := flags.String("http", ":8080", "address for HTTP")
	secure := flags.String("https", ":8443", "address for HTTPS with an untrusted certificate; empty for none")
	dir := flags.String("serve-dir", "", "folder to serve under /files/; empty for none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	handler := inbox.New(*dir, time.Now)
	ended := make(chan error, 2)
	servers := []*http.Server{{Addr: *plain, Handler: handler, ReadTimeout: time.Minute}}
	go func() { ended <- servers[0].ListenAndServe() }()
	if *secure != "" {
		certificate, err := inbox.Certificate()
		if err != nil {
			return err
		}
		config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		servers = append(servers, &http.Server{Addr: *secure, Handler: handler, ReadTimeout: time.Minute, TLSConfig: config})
		go func() { ended <- servers[1].ListenAndServeTLS("", "") }()
	}
	select {
	case err := <-ended:
		return cmp.Or(err, errors.New("a listener has ended"))
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var errs []error
	for _, server := range servers {
		errs = append(errs, server.Shutdown(bounded))
	}
	return errors.Join(errs...)
}
