package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/github"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

const (
	gitHubRegistry = "ghcr.io"
	// gitHubPause keeps deletions to GitHub's 900 points in a minute, of which a DELETE takes five:
	// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit.
	gitHubPause = 335 * time.Millisecond
)

// pruner is one "slipway prune".
type pruner struct {
	options  pruneOptions
	getenv   func(string) string
	streams  command.Streams
	progress *progress.Display
	limits   *prune.Limits
	client   prune.Client
	api      *prune.GitHub
	label    string // of the plan, for hints
	registry string
	reason   string // why this registry
	runs     []*prune.Run
	report   pruneReport
}

func pruneCommand(ctx context.Context, args []string, getenv func(string) string, streams command.Streams) error {
	o, err := parsePruneFlags(args, getenv)
	if o.help && err == nil {
		_, err := io.WriteString(streams.Out, pruneUsage)
		return err
	}
	p := &pruner{options: o, getenv: getenv, streams: streams, label: "//services:prune"}
	if err == nil {
		err = p.run(ctx)
	}
	if err != nil {
		return &command.PlanError{Err: err, Label: p.label, Pushes: true}
	}
	return nil
}

func (p *pruner) run(ctx context.Context) error {
	names, err := p.repositories()
	if err != nil {
		return err
	}
	p.progress = command.NewDisplay(p.streams.Err, p.getenv)
	defer p.progress.Close()
	p.progress.Line("pruning %s, because %s", p.registry, p.reason)
	if err := p.connect(); err != nil {
		return err
	}
	if p.options.catalog {
		if names, err = prune.Catalog(ctx, p.client, p.registry); err != nil {
			return err
		}
	}
	err = p.plan(ctx, names)
	if p.options.delete && ctx.Err() == nil {
		err = errors.Join(err, p.delete(ctx))
	}
	p.report.Requests = p.limits.Requests()
	if ctx.Err() != nil {
		return p.interrupted()
	}
	if len(p.report.Repositories) == 0 {
		return err
	}
	return errors.Join(err, p.write())
}

// repositories decides where, and reads which ones from the plan unless flags name them.
func (p *pruner) repositories() ([]string, error) {
	var wanted plan.Prune
	if p.options.plan != "" {
		data, err := delivery.OpenFiles(p.getenv).ReadPlan(p.options.plan)
		if err != nil {
			return nil, err
		}
		if wanted, err = plan.DecodePrune(p.options.plan, data); err != nil {
			return nil, err
		}
		p.label = wanted.Label
	}
	decision, err := plan.DecidePush(plan.PushInput{Registry: p.options.registry, VariableRegistry: p.getenv("IMAGE_REGISTRY"), Default: wanted.Registry})
	if err != nil {
		return nil, err
	}
	p.registry, p.reason = decision.Registry, decision.Reason
	if p.options.api == apiAuto {
		p.options.api = apiOf(p.registry, github.Address(p.getenv))
	}
	images := wanted.Repositories
	if len(p.options.images) > 0 {
		images = p.options.images
	}
	switch {
	case p.options.catalog && p.options.api == apiGitHub:
		return nil, pruneMisuse("--catalog: GitHub's registry has no catalog; --image names a repository")
	case !p.options.catalog && len(images) == 0:
		return nil, fault.New(fault.Usage, errors.New("no repositories: neither --plan, SLIPWAY_PLAN, --image nor --catalog names any"), "tools/bazelw run //services:prune", pruneHelp)
	}
	var names []string
	for _, image := range images {
		if name := p.registry + "/" + image; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// apiOf tells GitHub's registries from others: ghcr.io, and those of an Enterprise server, which answers for its API itself.
func apiOf(registry, api string) string {
	host, _, _ := strings.Cut(registry, "/")
	at, err := url.Parse(api)
	if host == gitHubRegistry || err == nil && at.Host != "" && (host == at.Host || host == "containers."+at.Host) {
		return apiGitHub
	}
	return apiDistribution
}

func (p *pruner) connect() error {
	p.limits = &prune.Limits{Inner: registry.NewTransport(), MaxWait: p.options.maxWait, Progress: p.progress}
	if p.options.api == apiGitHub {
		p.limits.Pause = gitHubPause
	}
	p.client = prune.Client{Transport: p.limits, Keychain: p.keychain(), Jobs: p.options.jobs}
	address := github.Address(p.getenv)
	host, _, _ := strings.Cut(p.registry, "/")
	if host == gitHubRegistry && strings.TrimSuffix(address, "/") != github.API { // an Enterprise server's, which has other packages by the same names
		return fault.New(fault.Usage, fmt.Errorf("GITHUB_API_URL is %s, and the packages of %s are at %s", address, gitHubRegistry, github.API), "export GITHUB_API_URL="+github.API)
	}
	var err error
	p.api, err = prune.NewGitHub(address, p.getenv("GITHUB_TOKEN"), p.limits)
	return fault.New(fault.Usage, err, "export GITHUB_API_URL="+github.API)
}

// keychain has what docker login left, and for GitHub's registry the token of its REST API.
func (p *pruner) keychain() authn.Keychain {
	token := p.getenv("GITHUB_TOKEN")
	if p.options.api != apiGitHub || token == "" {
		return delivery.Keychain()
	}
	return authn.NewMultiKeychain(delivery.Keychain(), tokenKeychain(token))
}

// tokenKeychain is a token of GitHub's, whose user name does not matter.
type tokenKeychain string

func (t tokenKeychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: "x-access-token", Password: string(t)}), nil
}

func (p *pruner) open(ctx context.Context, name string) (prune.Store, error) {
	if p.options.api == apiGitHub {
		return prune.OpenPackage(ctx, p.client, p.api, name)
	}
	return prune.OpenRepository(ctx, p.client, name, p.options.delete)
}

// plan reads all repositories before it asks for pull requests: one that is opened meanwhile has no tag among those read. Those
// that cannot be read are in the error, and the others have a plan, unless the error is one of all.
func (p *pruner) plan(ctx context.Context, names []string) error {
	var runs []*prune.Run
	var pulls []int
	var errs []error
	for _, name := range names {
		run, found, err := p.look(ctx, name)
		if err != nil {
			errs = append(errs, err)
			if endsAll(ctx, err) {
				return errors.Join(errs...)
			}
			continue
		}
		runs, pulls = append(runs, run), append(pulls, found...)
	}
	policy, err := p.policy(ctx, pulls)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	p.runs, p.report = runs, pruneReport{Version: 1, Registry: p.registry, Delete: p.options.delete}
	for _, run := range p.runs {
		made := run.Plan(policy)
		p.report.Repositories = append(p.report.Repositories, pruneRepository{Plan: made})
		p.report.Planned.Add(made.Counts())
	}
	return errors.Join(errs...)
}

// look reads a repository. It returns the pull requests that have a tag there.
func (p *pruner) look(ctx context.Context, name string) (run *prune.Run, pulls []int, err error) {
	store, err := p.open(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	run = &prune.Run{Repository: name, Store: store, RemoveWhole: p.options.deletePackages, Jobs: p.options.jobs, Progress: p.progress}
	pulls, err = run.Look(ctx)
	return run, pulls, err
}

// endsAll tells an error that other repositories would meet, too, from one that concerns one alone.
func endsAll(ctx context.Context, err error) bool {
	var stop *prune.StopError
	return ctx.Err() != nil || errors.As(err, &stop) && stop.Everywhere()
}

func (p *pruner) policy(ctx context.Context, pulls []int) (prune.Policy, error) {
	o := p.options
	policy := prune.Policy{Now: time.Now(), Closed: map[int]bool{}, MainAge: o.mainAge, MainKeep: o.mainKeep, Grace: o.grace, PullRequestsOnly: len(o.pr) > 0}
	trusted := o.closed
	if o.pulls == "" { // nobody to ask
		trusted = slices.Concat(trusted, o.pr)
	}
	for _, n := range trusted {
		policy.Closed[n] = true
	}
	if len(o.pr) > 0 {
		pulls = o.pr // it may have been opened again since its end set off this run
	}
	slices.Sort(pulls)
	pulls = slices.Compact(pulls)
	if len(trusted) > 0 || len(pulls) == 0 || o.pulls == "" {
		return policy, nil
	}
	var err error
	policy.Closed, err = p.api.Closed(ctx, o.pulls, pulls, o.jobs)
	return policy, err
}

// delete goes on with the next repository after an error that concerns one alone.
func (p *pruner) delete(ctx context.Context) error {
	var errs []error
	for i, run := range p.runs {
		result, err := run.Delete(ctx)
		p.report.Repositories[i].Result = &result
		p.report.Deleted.Manifests += result.Manifests
		p.report.Deleted.Tags += result.Tags
		errs = append(errs, err)
		if endsAll(ctx, err) {
			break
		}
	}
	return errors.Join(errs...)
}

func (p *pruner) interrupted() error {
	if !p.options.delete {
		return fault.New(fault.Interrupted, errors.New("interrupted; nothing was deleted"))
	}
	return fault.New(fault.Interrupted, fmt.Errorf("interrupted; %s, and the same command does the rest", p.report.Deleted))
}
