// Bundle packs a suite into one archive that runs without Bazel and without a checkout; tools/slipway/bundle has its form.
//
// The archive is tar, compressed by gzip, which every tar unpacks: zstd is not in Debian's base system. In seconds of one
// processor, gzip makes 26.2 MB of gateway's bundle (84.7 MB) in 2.2 s, zstd 23.3 MB in 0.4 s; of the bundle of all suites
// (354 MB) gzip makes 115 MB in 11 s, zstd 102 MB in 1.5 s. Eleven per cent of one download are not worth a program that may
// be missing.
//
// Plans and files are given; nothing is looked for. Equal inputs make equal bytes: see package archive.
package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/kubernaut/kubernaut/tools/archive"
	"github.com/kubernaut/kubernaut/tools/slipway/bundle"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "bundle: error: %v\n", err)
		os.Exit(1)
	}
}

// packer is one bundle under way.
type packer struct {
	manifest bundle.Manifest
	slipway  string            // file
	sources  map[string]string // rlocation path to file
	plans    map[string][]byte // rlocation path to portable plan
}

func run(args []string, stderr io.Writer) error {
	p := packer{manifest: bundle.Manifest{Version: bundle.Version}, sources: map[string]string{}, plans: map[string][]byte{}}
	flags := flag.NewFlagSet("bundle", flag.ContinueOnError)
	flags.SetOutput(stderr)
	output := flags.String("output", "", "the archive to write")
	flags.StringVar(&p.manifest.Label, "label", "", "the bundle's label; its name is the folder's in the archive")
	flags.StringVar(&p.manifest.Plan, "plan", "", "rlocation path of the plan of the suite, or of the set of suites")
	flags.StringVar(&p.slipway, "slipway", "", "the program")
	flags.Func("files", "file with a line RLOCATION=FILE for each file that the plan names", p.readFiles)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *output == "" || p.slipway == "" || p.manifest.Label == "" {
		return fmt.Errorf("--output, --label, --plan, --slipway and --files are required, got %q", args)
	}
	if err := p.addPlan(p.manifest.Plan); err != nil {
		return err
	}
	return p.write(*output)
}

func (p *packer) readFiles(list string) error {
	data, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		name, file, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !found {
			return fmt.Errorf("%q has a line without =: %q", list, line)
		}
		p.sources[name] = file
	}
	return nil
}

// addPlan takes a plan, or a set with its suites' plans.
func (p *packer) addPlan(name string) error {
	source, known := p.sources[name]
	if !known {
		return fmt.Errorf("plan %q is not among the files", name)
	}
	data, err := os.ReadFile(source)
	if err == nil {
		p.plans[name], err = bundle.Portable(name, data)
	}
	if err != nil {
		return err
	}
	if !plan.IsSet(data) {
		suite, err := plan.Decode(name, data)
		return errors.Join(err, p.require(suite))
	}
	set, err := plan.DecodeSet(name, data)
	errs := []error{err}
	for _, suite := range set.Suites {
		errs = append(errs, p.addPlan(suite))
	}
	return errors.Join(errs...)
}

// require reports what a plan names and nobody gave: slipway would miss it on another machine alone.
func (p *packer) require(suite plan.Plan) error {
	named := []string{suite.Cluster.Config, suite.Cluster.NodeImage, suite.Test.Binary}
	for _, image := range suite.Images {
		named = append(named, image.Descriptor)
	}
	for _, manifest := range suite.Manifests {
		named = append(named, manifest.Path)
	}
	var errs []error
	for _, name := range named {
		if _, known := p.sources[name]; !known {
			errs = append(errs, fmt.Errorf("%s needs %q, which is not among the files", suite.Label, name))
		}
	}
	return errors.Join(errs...)
}

func (p *packer) entries() ([]archive.Entry, error) {
	contents, err := json.Marshal(p.manifest)
	entries := []archive.Entry{
		{Path: bundle.Program, Mode: 0o755, Open: archive.File(p.slipway)},
		{Path: bundle.Contents, Mode: 0o644, Open: archive.Bytes(append(contents, '\n'))},
	}
	for name, source := range p.sources {
		entry := archive.Entry{Path: path.Join(bundle.Files, name), Mode: 0o644, Open: archive.File(source)}
		if data, isPlan := p.plans[name]; isPlan {
			entry.Open = archive.Bytes(data)
		}
		entries = append(entries, entry)
	}
	return entries, err
}

// write makes the archive, whose one top folder has the target's name.
func (p *packer) write(output string) error {
	entries, err := p.entries()
	if err != nil {
		return err
	}
	var tree archive.Builder
	folder := p.manifest.Label[strings.LastIndexAny(p.manifest.Label, ":/")+1:]
	for _, e := range entries {
		e.Path = path.Join(folder, e.Path)
		if err := tree.Add(e); err != nil {
			return err
		}
	}
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	err = compress(file, &tree)
	if err = cmp.Or(err, file.Close()); err != nil {
		return fmt.Errorf("writing bundle %q: %w", output, err)
	}
	return nil
}

func compress(w io.Writer, tree *archive.Builder) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	zipped := gzip.NewWriter(buffered)
	return errors.Join(tree.Write(zipped), zipped.Close(), buffered.Flush())
}
