package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/ci/affected"
	"github.com/kubernaut/kubernaut/tools/ci/schedule"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

func (c command) matrix(args []string) error {
	var ledgers paths
	c.flags.Var(&ledgers, "ledger", "")
	from := c.flags.String("affected", "", "")
	github := c.flags.Bool("github-output", false, "")
	if err := c.parse(args, true); err != nil {
		return err
	}
	a, err := c.concerned(*from)
	if err != nil {
		return err
	}
	known, err := c.ledgers(ledgers)
	if err != nil {
		return err
	}
	m, err := known.Matrix(a.Suites)
	if err != nil {
		return err
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.streams.Out, "%s\n", line)
	return c.outputs(*github, fmt.Sprintf("matrix=%s\nhas=%t\ncluster=%t\n", line, len(m.Include) > 0, slices.ContainsFunc(a.Tests, besideSuites)))
}

// besideSuites reports whether a test lies below the package of the suites: it needs a cluster and is none of them.
func besideSuites(label string) bool { return strings.HasPrefix(label, "//"+suites+"/") }

// concerned is an answer of the command affected, or has the arguments for suites.
func (c command) concerned(from string) (a affected.Answer, err error) {
	if from == "" {
		a.Suites = c.flags.Args()
		return a, nil
	}
	if c.flags.NArg() > 0 {
		return a, misuse("--affected names the suites; unexpected argument %q", c.flags.Arg(0))
	}
	data, err := os.ReadFile(c.fromCaller(from))
	if err != nil {
		return a, fault.New(fault.Usage, fmt.Errorf("reading the affected suites: %w", err), example)
	}
	if err := json.Unmarshal(data, &a); err != nil || a.Suites == nil {
		err = errors.Join(err, errors.New("it is no answer of `affected --json`"))
		return a, fault.New(fault.Usage, fmt.Errorf("reading the affected suites in %q: %w", from, err), example)
	}
	return a, nil
}

// example makes the file of --affected.
const example = "tools/bazelw run //tools/ci -- affected --base=origin/main --json >affected.json"

// ledgers reads what is there: the first run of a branch has none.
func (c command) ledgers(names []string) (*schedule.Ledgers, error) {
	l := &schedule.Ledgers{}
	for _, name := range names {
		path := c.fromCaller(name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			c.note("there is no ledger %q; a suite that no other one has counts as %d minutes", name, schedule.Unknown)
		case err == nil && info.IsDir():
			err = c.folder(l, path)
		case err == nil:
			err = add(l, name, path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return l, nil
}

// folder adds the ledgers below it. They are of earlier runs, whose programs may have written another version; those say nothing.
func (c command) folder(l *schedule.Ledgers, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		if err := add(l, path, path); err != nil {
			c.note("%v", err)
		}
		return nil
	})
}

func add(l *schedule.Ledgers, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading a ledger: %w", err)
	}
	defer f.Close()
	return l.Add(name, f)
}

// paths is a flag that may be given several times.
type paths []string

func (p *paths) String() string { return strings.Join(*p, " ") }

func (p *paths) Set(path string) error {
	*p = append(*p, path)
	return nil
}
