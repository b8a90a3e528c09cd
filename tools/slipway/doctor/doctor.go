// Package doctor says what a run or a push would fail of, before a byte of an image moves.
//
// It asks the registry what these credentials, and nobody's, may do to each image's repository; where GitHub's REST API is
// given, that too. All questions are reads, but for the right to push: nothing but an upload tells it, so one begins and is
// cancelled, which leaves nothing behind (package registry, Probe). What it finds becomes a list of checks, each with the lines to
// type.
//
// It changes nothing, neither here nor there, and repairs nothing.
package doctor

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// atOnce is how many images are asked for at a time.
const atOnce = 8

// State is what a check says about a run.
type State string

// States.
const (
	OK      State = "ok"
	Warning State = "warning" // works, or does by itself what a person might not expect
	Failure State = "failure" // a run or a push will fail of it
)

// Check is one finding.
type Check struct {
	Name    string   `json:"check"`             // "variables", "registry", "login", "push", "pull", "image", "nodes" or "limit"
	Subject string   `json:"subject,omitempty"` // what it is about: a registry, a repository
	State   State    `json:"state"`
	Finding string   `json:"finding"`
	Hints   []string `json:"hints,omitempty"` // lines to type; one that begins with "--" is a flag of slipway
}

// Report is all findings, in the order in which things fail.
type Report struct {
	Version  int     `json:"version"` // 1
	Registry string  `json:"registry,omitempty"`
	Requests int64   `json:"requests"` // to the registry and to GitHub
	Checks   []Check `json:"checks"`
}

// Failures are the checks that something will fail of.
func (r Report) Failures() []Check {
	return slices.DeleteFunc(slices.Clone(r.Checks), func(c Check) bool { return c.State != Failure })
}

// Config is what to examine. The zero value of each field but Credentials, Anonymous, Registry and Images is usable.
type Config struct {
	Credentials *registry.Pusher // that a push would use; its Blobs are not read
	Anonymous   *registry.Pusher // the same without credentials
	User        string           // name of the credentials; empty: there are none
	Secret      bool             // nodes can be given the credentials
	Loopback    bool             // the registry is this machine's: nodes reach it by a relay

	Registry string           // "ghcr.io/kubernaut/kubernaut"
	Images   []registry.Image // without a manifest: not asked for by digest
	GitHub   *GitHub          // nil: not asked
	Run      Run
}

// Run is the workflow's run that this is part of; the zero value is a person's shell.
type Run struct {
	Actions    bool   // it is one of GitHub's
	Repository string // "kubernaut/kubernaut"
	Fork       bool   // it is of a pull request from a fork
}

// Examine asks all that there is to ask. It returns ctx's error alone: whatever else goes wrong is a finding.
func Examine(ctx context.Context, c Config) (Report, error) {
	e := &examination{Config: c, report: Report{Version: 1, Registry: c.Registry}}
	if e.greet(ctx) {
		subjects := e.ask(ctx)
		e.judgeLogin(subjects)
		for _, s := range subjects {
			e.judge(s)
		}
		e.judgeRate(ctx)
	}
	order := []string{"registry", "limit", "login", "push", "pull", "image", "nodes"}
	slices.SortStableFunc(e.report.Checks, func(a, b Check) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	return e.report, ctx.Err()
}

// examination is one that is under way.
type examination struct {
	Config
	report Report
}

func (e *examination) add(name, subject string, state State, finding string, hints ...string) {
	e.report.Checks = append(e.report.Checks, Check{name, subject, state, finding, hints})
}

// subject is one image, and what was answered about it.
type subject struct {
	image     registry.Image
	own       registry.Access // of the credentials
	anonymous registry.Access
	pkg       Package // of GitHub; the zero value when it is not known
}

// ask asks for all images, some at a time. GitHub is asked where a push is denied.
func (e *examination) ask(ctx context.Context) []subject {
	subjects := make([]subject, len(e.Images))
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, image := range e.Images {
		g.Go(func() error {
			s := subject{image: image, own: e.Credentials.Probe(ctx, image, true)}
			requests := s.own.Requests
			if !e.Loopback {
				s.anonymous = e.Anonymous.Probe(ctx, image, false)
				requests += s.anonymous.Requests
			}
			if s.own.Push != nil && e.GitHub != nil {
				var asked int64
				s.pkg, asked = e.GitHub.Package(ctx, image.Repository)
				requests += asked
			}
			mu.Lock()
			defer mu.Unlock()
			subjects[i] = s
			e.report.Requests += requests
			return nil
		})
	}
	g.Wait() //nolint:errcheck // nothing returns one
	return subjects
}
