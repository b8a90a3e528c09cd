// The oci_push program pushes an image to a registry. It is started through an oci_push target, whose JSON file beside
// the executable says what to push; flags add to it:
//
//	-r, --repository REPOSITORY            push there instead
//	-t, --tag TAG                          set this tag too (repeatable)
//	--insecure                             plain HTTP, or HTTPS without verifying the certificate
//	--allow-nondistributable-artifacts     send layers that their publisher keeps too
//	-v, --verbose                          one line per blob
//
// The reference by digest is printed on stdout, everything else on stderr.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/registry"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/runfiles"
)

// spec is what the oci_push rule wrote; paths are runfiles paths.
type spec struct {
	Label          string `json:"label"`
	Image          string `json:"image"`
	RemoteTags     string `json:"remote_tags"`
	Repository     string `json:"repository"`
	RepositoryFile string `json:"repository_file"`
}

type options struct {
	repository       string
	tags             []string
	insecure         bool
	nondistributable bool
	verbose          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "oci_push: error:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, argv []string) error {
	options, err := parse(argv[1:])
	if err != nil {
		return err
	}
	var s spec
	if err := runfiles.Spec(argv[0], &s); err != nil {
		return err
	}
	files, err := runfiles.Open(argv[0], os.Getenv)
	if err != nil {
		return err
	}
	if err := options.complete(s, files); err != nil {
		return fmt.Errorf("pushing %s: %w", s.Label, err)
	}
	reference, err := push(ctx, layout.Dir(files.Path(s.Image)), options)
	if err != nil {
		return fmt.Errorf("pushing %s to %s: %w", s.Label, options.repository, err)
	}
	fmt.Println(reference)
	return nil
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("oci_push", flag.ContinueOnError)
	tag := func(value string) error { o.tags = append(o.tags, value); return nil }
	for _, name := range []string{"r", "repository"} {
		flags.StringVar(&o.repository, name, "", "push to `REPOSITORY` instead")
	}
	for _, name := range []string{"t", "tag"} {
		flags.Func(name, "set `TAG` too (repeatable)", tag)
	}
	for _, name := range []string{"v", "verbose"} {
		flags.BoolVar(&o.verbose, name, false, "one line per blob")
	}
	flags.BoolVar(&o.insecure, "insecure", false, "plain HTTP, or HTTPS without verifying the certificate")
	flags.BoolVar(&o.nondistributable, "allow-nondistributable-artifacts", false, "send layers that their publisher keeps too")
	if err := flags.Parse(args); err != nil {
		return o, fmt.Errorf("parsing flags: %w", err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("parsing flags: unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// complete fills in what the target says: the flags win, its tags come after theirs.
func (o *options) complete(s spec, files *runfiles.Files) error {
	if o.repository == "" {
		o.repository = s.Repository
	}
	if o.repository == "" && s.RepositoryFile != "" {
		text, err := os.ReadFile(files.Path(s.RepositoryFile))
		if err != nil {
			return fmt.Errorf("reading repository_file: %w", err)
		}
		o.repository = strings.ReplaceAll(string(text), "\n", "")
	}
	if o.repository == "" {
		return errors.New("no repository; pass --repository=REPOSITORY or set 'repository' on the target")
	}
	if s.RemoteTags == "" {
		return nil
	}
	text, err := os.ReadFile(files.Path(s.RemoteTags))
	if err != nil {
		return fmt.Errorf("reading remote_tags: %w", err)
	}
	o.tags = append(o.tags, strings.Fields(string(text))...)
	return nil
}

func push(ctx context.Context, image layout.Dir, o options) (string, error) {
	repository, err := registry.ParseRepository(o.repository)
	if err != nil {
		return "", err
	}
	credentials, err := registry.LookUp(ctx, registry.ConfigFiles(os.Getenv), repository.Host)
	if err != nil {
		return "", err
	}
	client := &registry.Client{
		HTTP:        &http.Client{},
		Repository:  repository,
		Credentials: credentials,
		PlainHTTP:   repository.Loopback(),
	}
	if o.insecure {
		client.HTTP.Transport = &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // what the flag asks for
		}
		client.PlainHTTP = client.PlainHTTP || !client.SpeaksTLS(ctx)
	}
	pusher := &registry.Pusher{Client: client, Nondistributable: o.nondistributable, Log: func(string, ...any) {}}
	if o.verbose {
		pusher.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, "oci_push: "+format+"\n", args...) }
	}
	digest, err := pusher.Push(ctx, image, o.tags)
	return repository.String() + "@" + digest, err
}
