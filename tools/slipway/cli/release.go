package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/release"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// releaseOptions are the flags of "slipway release".
type releaseOptions struct {
	plan   string
	input  plan.ReleaseInput
	key    string
	run    release.Run
	dryRun bool
	jobs   int
	views  command.Views
	help   bool
}

const releaseHelp = "tools/bazelw run //services:release -- --help"

func parseReleaseFlags(args []string, getenv func(string) string) (releaseOptions, error) {
	o := releaseOptions{run: runOf(getenv)}
	flags := flag.NewFlagSet("slipway release", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plan, "plan", getenv("SLIPWAY_PLAN"), "")
	flags.StringVar(&o.input.Version, "version", "", "")
	flags.StringVar(&o.input.From, "from", "", "")
	flags.StringVar(&o.input.To, "to", "", "")
	flags.StringVar(&o.input.Tag, "tag", "", "")
	flags.StringVar(&o.input.Commit, "commit", "", "")
	flags.StringVar(&o.key, "key", "", "")
	flags.StringVar(&o.run.Builder, "builder", o.run.Builder, "")
	flags.StringVar(&o.run.Repository, "repository", o.run.Repository, "")
	flags.StringVar(&o.run.Invocation, "run-url", o.run.Invocation, "")
	flags.BoolVar(&o.dryRun, "dry-run", false, "")
	flags.IntVar(&o.jobs, "jobs", 4, "")
	flags.StringVar(&o.views.Report, "report", "", "")
	flags.StringVar(&o.views.HTML, "html", "", "")
	flags.StringVar(&o.views.Summary, "summary", getenv("GITHUB_STEP_SUMMARY"), "")
	flags.BoolVar(&o.help, "help", false, "")
	flags.BoolVar(&o.help, "h", false, "")
	if err := flags.Parse(args); err != nil {
		return o, releaseMisuse("%v", err)
	}
	o.input.Revision = getenv("GITHUB_SHA")
	if o.help {
		return o, nil
	}
	return o, o.check(flags.Args())
}

func (o releaseOptions) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return releaseMisuse("unexpected argument %q", rest[0])
	case o.jobs < 1 || o.jobs > delivery.MaxJobs:
		return releaseMisuse("--jobs must be from 1 to %d, got %d", delivery.MaxJobs, o.jobs)
	case o.plan == "":
		return fault.New(fault.Usage, fmt.Errorf("no plan: neither --plan nor SLIPWAY_PLAN is set"), "tools/bazelw run //services:release -- --version=v1.2.3 --dry-run", releaseHelp)
	}
	for name, value := range map[string]string{"--builder": o.run.Builder, "--repository": o.run.Repository, "--run-url": o.run.Invocation} {
		if at, err := url.Parse(value); value != "" && (err != nil || at.Scheme == "" || at.User != nil) {
			return releaseMisuse("%s must be a URI without credentials", name)
		}
	}
	return nil
}

func releaseMisuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), releaseHelp)
}

// runOf reads https://docs.github.com/en/actions/reference/workflows-and-actions/variables. Without them it is a person's run.
func runOf(getenv func(string) string) release.Run {
	server, repository := getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY")
	if server == "" || repository == "" {
		return release.Run{}
	}
	run := release.Run{Repository: server + "/" + repository}
	if workflow := getenv("GITHUB_WORKFLOW_REF"); workflow != "" {
		run.Builder = server + "/" + workflow
	}
	if id := getenv("GITHUB_RUN_ID"); id != "" {
		run.Invocation = run.Repository + "/actions/runs/" + id
		if attempt := getenv("GITHUB_RUN_ATTEMPT"); attempt != "" {
			run.Invocation += "/attempts/" + attempt
		}
	}
	return run
}

// releaser is one "slipway release".
type releaser struct {
	delivery.Job // for what it prints: nothing is pushed from this machine
	options      releaseOptions
	services     []release.Service
}

func releaseCommand(ctx context.Context, args []string, getenv func(string) string, streams command.Streams) error {
	o, err := parseReleaseFlags(args, getenv)
	if err != nil {
		return err
	}
	if o.help {
		_, err := io.WriteString(streams.Out, releaseUsage)
		return err
	}
	p, services, err := readRelease(o.plan, delivery.OpenFiles(getenv))
	if err != nil {
		return err
	}
	r := &releaser{options: o, services: services}
	r.Getenv, r.Streams, r.Ledger, r.Label = getenv, streams, report.NewLedger(nil), p.Label
	for _, wanted := range p.Services {
		r.Images = append(r.Images, delivery.Image{Image: wanted.Image()})
	}
	if err := r.run(ctx, p); err != nil {
		return &command.PlanError{Err: err, Label: p.Label, Pushes: true, To: "--dry-run"}
	}
	return nil
}

func readRelease(name string, f *delivery.Files) (plan.Release, []release.Service, error) {
	data, err := f.ReadPlan(name)
	if err != nil {
		return plan.Release{}, nil, err
	}
	if !plan.IsRelease(data) {
		return plan.Release{}, nil, fault.New(fault.Usage, fmt.Errorf("plan %q is not of a release", name), "tools/bazelw run //services:release -- --version=v1.2.3 --dry-run", releaseHelp)
	}
	p, err := plan.DecodeRelease(name, data)
	if err != nil {
		return plan.Release{}, nil, err
	}
	var services []release.Service
	for _, wanted := range p.Services {
		s, err := readReleased(wanted, f)
		if err != nil {
			return plan.Release{}, nil, err
		}
		services = append(services, s)
	}
	return p, services, nil
}

func readReleased(wanted plan.Released, f *delivery.Files) (release.Service, error) {
	index, err := f.ReadIndex(wanted.Image())
	s := release.Service{Index: index, SBOMs: map[string][]byte{}}
	for _, platform := range slices.Sorted(maps.Keys(wanted.SBOMs)) {
		if err == nil {
			s.SBOMs[platform], err = f.Read("SBOM", wanted.SBOMs[platform])
		}
	}
	return s, err
}

func (r *releaser) run(ctx context.Context, p plan.Release) error {
	o := r.options
	o.input.Plan = p
	decision, err := plan.DecideRelease(o.input)
	if err != nil {
		return err
	}
	signer, err := readSigner(o.key, r.Getenv)
	if err != nil {
		return err
	}
	r.Ledger.Set(func(rep *report.Report) {
		rep.Suite, rep.Destination, rep.Reason, rep.DryRun = p.Label, string(plan.Registry), decision.String(), o.dryRun
	})
	if err := o.views.Open(r.Getenv); err != nil {
		return err
	}
	r.Progress = command.NewDisplay(r.Streams.Err, r.Getenv)
	defer r.Progress.Close()
	r.Progress.Line("%s; %s, %s", decision, progress.Count(len(r.services), "service"), signs(signer))
	err = r.release(ctx, decision, signer)
	r.Progress.Close()
	return command.Finish(ctx, r.Ledger, command.Finishing{
		Views: o.views, DryRun: o.dryRun, Getenv: r.Getenv, Streams: r.Streams, Progress: r.Progress,
	}, err)
}

func (r *releaser) release(ctx context.Context, decision plan.ReleaseDecision, signer *release.Signer) error {
	plain := slices.Concat(delivery.BridgeHosts(decision.From), delivery.BridgeHosts(decision.To))
	rel := &release.Release{
		Decision: decision, Services: r.services, Progress: r.Progress, Run: r.options.run, Signer: signer,
		Pusher: &registry.Pusher{Progress: r.Progress, Jobs: r.options.jobs, Keychain: delivery.Keychain(), PlainHTTP: plain},
		Tested: &source.Registry{Keychain: delivery.Keychain(), PlainHTTP: plain},
	}
	defer rel.Tested.Close()
	if r.options.dryRun {
		return r.planned(ctx, rel)
	}
	return r.copied(ctx, rel)
}

func signs(signer *release.Signer) string {
	if signer == nil {
		return "not signed"
	}
	return "signed"
}

// readSigner reads the key of --key, else that of COSIGN_KEY. No key is no error.
func readSigner(flag string, getenv func(string) string) (*release.Signer, error) {
	if flag == "" && getenv("COSIGN_KEY") == "" {
		return nil, nil
	}
	data, from, err := readKey(flag, getenv)
	if err != nil {
		return nil, err
	}
	signer, err := release.NewSigner(data, []byte(getenv("COSIGN_PASSWORD")))
	if err != nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("reading key of %s: %w", from, err), "export COSIGN_PASSWORD", "cosign generate-key-pair")
	}
	return signer, nil
}

// keyBlock is what a key begins with.
const keyBlock = "-----BEGIN"

// readKey reads a key's file, or the variable that env://NAME names, and tells what messages call it. COSIGN_KEY may be the key
// itself; a flag may not, because everybody on the machine sees it. What COSIGN_KEY holds is in no message: it may be a key that is
// not recognised, in base64 for example.
func readKey(flag string, getenv func(string) string) (data []byte, from string, err error) {
	variable := getenv("COSIGN_KEY")
	name, isVariable := strings.CutPrefix(cmp.Or(flag, variable), "env://")
	switch {
	case isVariable:
		return []byte(getenv(name)), name, nil
	case strings.Contains(flag, keyBlock):
		return nil, "", fault.New(fault.Usage, errors.New("--key must name a file or a variable, got a key"), "--key=env://COSIGN_KEY")
	case flag != "":
		if data, err = os.ReadFile(command.FromCaller(flag, getenv)); err != nil {
			return nil, "", fault.New(fault.Usage, fmt.Errorf("reading key: %w", err), "cosign generate-key-pair")
		}
		return data, flag, nil
	case strings.Contains(variable, keyBlock):
		return []byte(variable), "COSIGN_KEY", nil
	}
	if data, err = os.ReadFile(command.FromCaller(variable, getenv)); err != nil {
		return nil, "", fault.New(fault.Usage, fmt.Errorf("COSIGN_KEY must be a key, a file or env://NAME: %w", unnamed(err)), `export COSIGN_KEY="$(cat cosign.key)"`)
	}
	return data, "COSIGN_KEY", nil
}

// unnamed is the error of a file without its name.
func unnamed(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return file.Err
	}
	return err
}

func (r *releaser) copied(ctx context.Context, rel *release.Release) error {
	end := r.Ledger.Begin("release")
	result, err := rel.Copy(ctx)
	m := result.Moved
	end(report.Moved{Requests: m.Requests, BytesIn: m.BytesReceived, BytesOut: m.BytesSent, LayerBytes: m.LayerBytes},
		fmt.Sprintf("%s released, %d blobs sent, %d mounted, %d there", progress.Count(result.Released, "service"), m.BlobsSent, m.BlobsMounted, m.BlobsPresent), err)
	if err != nil {
		return err
	}
	signed := ""
	if result.Signed > 0 {
		signed = fmt.Sprintf(", %d of them signed now", result.Signed)
	}
	r.Progress.Line("%s: %s released, %d there before%s; %s sent", rel.Decision.Version,
		progress.Count(result.Released, "service"), len(rel.Services)-result.Released, signed, progress.Count(m.BlobsSent, "blob"))
	r.PrintReferences(result.References)
	return nil
}

func (r *releaser) planned(ctx context.Context, rel *release.Release) error {
	end := r.Ledger.Begin("release")
	rows, err := rel.Plan(ctx)
	var moved report.Moved
	for _, row := range rows {
		moved.BytesOut += row.Bytes
	}
	end(moved, "would be released", err)
	for line := range strings.Lines(promotion(rows, err)) {
		r.Progress.Line("%s", strings.TrimRight(line, " \n"))
	}
	return err
}

// promotion is the table of what goes where.
func promotion(rows []release.Row, err error) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "service\ttested digest\ttarget\tto move\tstate")
	for _, row := range rows {
		state, bytes := "to release", progress.Bytes(row.Bytes)
		switch {
		case err != nil:
			state, bytes = "refused", "-"
		case row.Unsigned:
			state = "to sign"
		case row.There:
			state = "there"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.Service, row.Digest, row.Target, bytes, state)
		for _, platform := range slices.Sorted(maps.Keys(row.Platforms)) {
			fmt.Fprintf(w, "  %s\t%s\t\t\t\n", platform, row.Platforms[platform])
		}
	}
	w.Flush()
	return text.String()
}
