package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// Files finds runfiles. They may be absent as long as nothing needs them.
type Files struct {
	runfiles *runfiles.Runfiles
	err      error
}

// OpenFiles takes the runfiles that the environment names.
func OpenFiles(getenv func(string) string) *Files {
	var options []runfiles.Option
	if dir := getenv("RUNFILES_DIR"); dir != "" {
		options = append(options, runfiles.Directory(dir))
	} else if manifest := getenv("RUNFILES_MANIFEST_FILE"); manifest != "" {
		options = append(options, runfiles.ManifestFile(manifest))
	}
	r, err := runfiles.New(options...)
	return &Files{runfiles: r, err: err}
}

// Path is where a runfile is.
func (f *Files) Path(rlocation string) (string, error) {
	if f.err != nil {
		return "", f.err
	}
	return f.runfiles.Rlocation(rlocation)
}

// Read returns a runfile; what is the word of messages for it.
func (f *Files) Read(what, rlocation string) ([]byte, error) {
	path, err := f.Path(rlocation)
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("reading %s %q: %w", what, rlocation, err))
	}
	return data, nil
}

// ReadPlan takes a file before a runfile.
func (f *Files) ReadPlan(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && f.err == nil {
		return f.Read("plan", name)
	}
	if err != nil {
		err = fault.New(fault.Usage, fmt.Errorf("reading plan %q: %w", name, err))
	}
	return data, err
}
