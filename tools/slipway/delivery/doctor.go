package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/doctor"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

const (
	doctorHelp = "tools/bazelw run //tools/slipway -- doctor --help"

	githubRegistry = "ghcr.io"
	githubAPI      = "https://api.github.com"

	// newPackage is no image's name: what may be done to it is what may be done to a package that does not exist.
	newPackage = "doctor"
)

// doctorOptions are the flags of "slipway doctor".
type doctorOptions struct {
	plan, registry, api string
	images              []string
	json, help          bool
}

func parseDoctorFlags(args []string, getenv func(string) string) (doctorOptions, error) {
	var o doctorOptions
	flags := flag.NewFlagSet("slipway doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plan, "plan", getenv("SLIPWAY_PLAN"), "")
	flags.StringVar(&o.registry, "registry", "", "")
	flags.Func("image", "", func(value string) error {
		o.images = append(o.images, value)
		if _, err := name.NewRepository("localhost/" + value); err != nil {
			return errors.New("an image's name has lower case letters, digits and single separators")
		}
		return nil
	})
	flags.StringVar(&o.api, "api", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&o.help, "help", false, "")
	flags.BoolVar(&o.help, "h", false, "")
	if err := flags.Parse(args); err != nil {
		return o, doctorMisuse("%v", err)
	}
	if flags.NArg() > 0 {
		return o, doctorMisuse("unexpected argument %q", flags.Arg(0))
	}
	if u, err := url.Parse(o.api); o.api != "" && (err != nil || u.Host == "" || u.Scheme != "https" && !plan.Loopback(u.Host)) {
		return o, doctorMisuse("--api must be an https:// address, got %q", o.api)
	}
	return o, nil
}

func doctorMisuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), doctorHelp)
}

// DoctorCommand is "slipway doctor".
func DoctorCommand(ctx context.Context, args []string, getenv func(string) string, streams command.Streams) error {
	o, err := parseDoctorFlags(args, getenv)
	if err != nil {
		return err
	}
	if o.help {
		_, err := io.WriteString(streams.Out, doctorUsage)
		return err
	}
	d := &diagnosis{doctorOptions: o, getenv: getenv, target: "//test/e2e:gateway"}
	if err := d.read(); err != nil {
		return err
	}
	report, err := d.examine(ctx)
	if err != nil {
		return err
	}
	return d.write(streams.Out, report)
}

// diagnosis is one call of doctor.
type diagnosis struct {
	doctorOptions
	getenv func(string) string
	in     Inputs
	target string // that a flag of a suite is a hint for
}

func (d *diagnosis) read() (err error) {
	if d.plan == "" {
		return nil
	}
	if d.in, err = ReadInputs(d.plan, OpenFiles(d.getenv)); err != nil {
		return err
	}
	if len(d.in.Suites) > 0 {
		d.target = d.in.Label
	}
	known := func(wanted string) bool {
		return slices.ContainsFunc(d.in.Images, func(i Image) bool { return i.Name == wanted })
	}
	for _, wanted := range d.images {
		if !known(wanted) {
			return doctorMisuse("--image=%s is no image of %s", wanted, d.in.Label)
		}
	}
	return nil
}

// examine looks at the variables, then at the registry that they, a flag or the plan name. A flag that names a bad one is bad
// input; variables that do are a finding.
func (d *diagnosis) examine(ctx context.Context) (doctor.Report, error) {
	check, chosen := doctor.Variables(plan.Input{Registry: d.getenv("IMAGE_REGISTRY"), Tag: d.getenv("IMAGE_TAG"), Automated: Automated(d.getenv)})
	report := doctor.Report{Version: 1}
	switch {
	case d.registry != "":
		decision, err := plan.DecidePush(plan.PushInput{Registry: d.registry})
		if err != nil {
			return report, err
		}
		chosen = decision.Registry
	case chosen == "" && check.State == doctor.OK:
		chosen = d.in.Registry
	}
	if chosen != "" {
		config, err := d.config(ctx, chosen)
		if err != nil {
			return report, err
		}
		if report, err = doctor.Examine(ctx, config); err != nil {
			return report, err
		}
	}
	report.Checks = append([]doctor.Check{check}, report.Checks...)
	for i := range report.Checks {
		report.Checks[i].Hints = d.complete(report.Checks[i].Hints)
	}
	return report, nil
}

// complete makes commands of flags, which in a bundle are its own.
func (d *diagnosis) complete(hints []string) []string {
	var lines []string
	for _, hint := range hints {
		if strings.HasPrefix(hint, "--") {
			flag := []string{"tools/bazelw run " + d.target + " -- " + hint}
			lines = append(lines, command.InPlace(flag, d.getenv(command.Variable))...)
			continue
		}
		lines = append(lines, hint)
	}
	return lines
}

func (d *diagnosis) config(ctx context.Context, chosen string) (doctor.Config, error) {
	config := doctor.Config{Registry: chosen, Loopback: plan.Loopback(chosen), Images: d.subjects(chosen), Run: workflowRun(d.getenv)}
	repo, err := name.NewRepository(config.Images[0].Repository)
	if err != nil {
		return config, doctorMisuse("%v", err)
	}
	auth, err := authn.Resolve(ctx, Keychain(), repo)
	var account *authn.AuthConfig
	if err == nil {
		account, err = authn.Authorization(ctx, auth)
	}
	if err != nil {
		return config, fmt.Errorf("finding credentials for %q: %w", repo.RegistryStr(), err)
	}
	config.User, config.Secret = userOf(account), account.Username != "" && account.Password != ""
	if api := d.apiOf(chosen); api != "" && account.Password != "" {
		config.GitHub = &doctor.GitHub{API: api, Token: account.Password}
	}
	anonymous := &registry.Pusher{Progress: progress.Discard(), PlainHTTP: BridgeHosts(chosen)}
	config.Anonymous, config.Credentials = anonymous, &registry.Pusher{Progress: progress.Discard(), PlainHTTP: anonymous.PlainHTTP, Keychain: Keychain()}
	return config, nil
}

// userOf is "" for nobody; tokens have no name.
func userOf(account *authn.AuthConfig) string {
	if account.Username == "" && (account.IdentityToken != "" || account.RegistryToken != "") {
		return "a token"
	}
	return account.Username
}

func (d *diagnosis) apiOf(chosen string) string {
	host, _, _ := strings.Cut(chosen, "/")
	switch {
	case d.api != "":
		return d.api
	case host != githubRegistry:
		return ""
	}
	return githubAPI // not GITHUB_API_URL: an Enterprise server is nobody to send this login to
}

func (d *diagnosis) subjects(chosen string) []registry.Image {
	var images []registry.Image
	for _, i := range d.in.Images {
		if len(d.images) == 0 || slices.Contains(d.images, i.Name) {
			images = append(images, registry.Image{Descriptor: i.Descriptor, Repository: chosen + "/" + i.Name})
		}
	}
	if len(d.in.Images) > 0 {
		return images
	}
	names := d.images
	if len(names) == 0 {
		names = []string{newPackage}
	}
	for _, n := range names {
		images = append(images, registry.Image{Repository: chosen + "/" + n})
	}
	return images
}

func workflowRun(getenv func(string) string) doctor.Run {
	run := doctor.Run{Actions: getenv("GITHUB_ACTIONS") == "true", Repository: getenv("GITHUB_REPOSITORY")}
	if event, err := os.ReadFile(getenv("GITHUB_EVENT_PATH")); err == nil {
		run.Fork = doctor.Fork(event)
	}
	return run
}

// write prints the report; failures become the error.
func (d *diagnosis) write(out io.Writer, report doctor.Report) error {
	var err error
	if d.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false) // hints are typed, not shown in a page
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.Table(out)
	}
	failures := report.Failures()
	if err != nil || len(failures) == 0 {
		return err
	}
	about := report.Registry
	if about == "" {
		about = "the environment"
	}
	return fault.New(fault.Delivery, errors.New("examining "+about+": "+progress.Count(len(failures), "check")+" will fail a run or a push, the first: "+failures[0].Name+": "+failures[0].Finding), failures[0].Hints...)
}
