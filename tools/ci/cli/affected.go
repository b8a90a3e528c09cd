package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/kubernaut/kubernaut/tools/ci/affected"
	"github.com/kubernaut/kubernaut/tools/ci/snapshot"
)

// suites is the package that has the suites.
const suites = "test/e2e"

func (c command) affected(ctx context.Context, args []string) error {
	base := c.flags.String("base", "", "")
	head := c.flags.String("head", affected.WorkTree, "")
	config := c.flags.String("config", "", "")
	asJSON := c.flags.Bool("json", false, "")
	verbose := c.flags.Bool("verbose", false, "")
	if err := c.parse(args, false); err != nil {
		return err
	}
	if *base == "" {
		return misuse("affected needs --base")
	}
	finder, err := c.finder(*config, *verbose)
	if err != nil {
		return err
	}
	start := time.Now()
	answer, err := finder.Find(ctx, *base, *head)
	if err != nil {
		return err
	}
	c.tell(answer, time.Since(start))
	return c.print(answer, *asJSON)
}

func (c command) finder(config string, verbose bool) (affected.Finder, error) {
	f := affected.Finder{Package: suites, Log: prefixed{c.streams.Err}, Bazel: snapshot.Bazel{Config: config}}
	if verbose {
		f.Bazel.Stderr = c.streams.Err
	}
	var err error
	if f.Workspace, err = c.workspace(); err != nil {
		return f, err
	}
	f.Cache, err = c.cache()
	f.Store = snapshot.Store{Dir: f.Cache + "/snapshots"}
	return f, err
}

func (c command) tell(a affected.Answer, took time.Duration) {
	if a.All {
		c.note("all tests are affected: %s", a.Reason)
	}
	c.note("%d suites and %d other tests are affected in %.12s since %.12s (%.1f s)", len(a.Suites), len(a.Tests)-len(a.Suites), a.Head, a.Base, took.Seconds())
}

func (c command) print(a affected.Answer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(c.streams.Out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(a)
	}
	for _, suite := range a.Suites {
		fmt.Fprintln(c.streams.Out, suite)
	}
	return nil
}

// prefixed marks each line as this program's.
type prefixed struct{ io.Writer }

func (p prefixed) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(p.Writer, "ci: %s", line)
	return len(line), err
}
