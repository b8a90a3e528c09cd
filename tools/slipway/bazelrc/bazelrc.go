// Package bazelrc finds the caches that Bazel uses, by reading the same lines of the same rc files that Bazel reads. So the
// endpoint, its headers and its certificates are written once, for both.
//
// It follows https://bazel.build/run/bazelrc as Bazel 7.7 has it; testdata/semantics.bazelrc is a file whose reading by
// Bazel itself is the test's want. For each command that the started one inherits from (always, common, build, then run or
// test), the lines of all files count in the order of the files; --config is replaced where it stands by the lines of that
// configuration; of a flag that has one value the last one counts.
//
// The configuration "ci" always counts, after everything else, as if it were on Bazel's command line. What Bazel's command
// line had is unknown to a program that it has started, and caches matter only to runs whose runfiles lack the layers, which
// is what `--config=ci` makes. Flags on Bazel's command line itself are not seen: put them into a line of an rc file.
//
// Not read, because no source could act on them: --remote_proxy, --google_credentials and --google_default_credentials. A flag
// that this package does not know is skipped; its value is taken for a flag when it stands apart and begins like one.
package bazelrc

import (
	"errors"
	"path/filepath"

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// System is the file that Bazel reads first where there is one (https://bazel.build/run/bazelrc#bazelrc-file-locations).
const System = "/etc/bazel.bazelrc"

// Config is the configuration that counts as if it were on Bazel's command line.
const Config = "ci"

// Files says where rc files are. Zero fields name none.
type Files struct {
	System    string   // read when it is there
	Workspace string   // folder of the checkout, absolute: its .bazelrc is read when it is there; stands for %workspace%
	Home      string   // the user's folder: its .bazelrc is read when it is there; stands for ~/ in --disk_cache
	Extra     []string // as given by --bazelrc, each of which must be there; read last
	Command   string   // "run" or "test"; "" is "run"
}

// Settings are the caches that the files name.
type Settings struct {
	DiskCache string       // folder, absolute when the checkout is known; "" is none
	Remote    source.Cache // without Endpoint there is none
}

// Read returns the caches of the files. Its errors name the file and the line. Values are not looked into beyond their
// form: source.OpenCache refuses an endpoint of an unknown scheme.
func Read(files Files) (Settings, error) {
	r := reader{workspace: files.Workspace, options: map[string][]option{}, configs: map[string]bool{}}
	if err := r.readAll(files); err != nil {
		return Settings{}, err
	}
	command := files.Command
	if command == "" {
		command = "run"
	}
	e := expander{options: r.options, commands: []string{"always", "common", "build", command}}
	options, err := e.all()
	if err != nil {
		return Settings{}, err
	}
	s := setter{files: files}
	if err := s.set(options); err != nil {
		return Settings{}, err
	}
	return s.settings(), nil
}

func (r *reader) readAll(files Files) error {
	var errs []error
	for _, path := range files.optional() {
		errs = append(errs, r.read(path, false))
	}
	for _, path := range files.Extra {
		errs = append(errs, r.read(path, true))
	}
	return errors.Join(errs...)
}

// optional leaves out the second of two equal paths, as Bazel does for a checkout in the user's folder.
func (f Files) optional() []string {
	var paths []string
	if f.System != "" {
		paths = append(paths, f.System)
	}
	if f.Workspace != "" {
		paths = append(paths, filepath.Join(f.Workspace, ".bazelrc"))
	}
	if f.Home != "" && f.Home != f.Workspace {
		paths = append(paths, filepath.Join(f.Home, ".bazelrc"))
	}
	return paths
}
