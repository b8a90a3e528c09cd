package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tree finds source files by their paths below the execution root.
type tree struct {
	workspace  string
	outputBase string // Bazel's, which has the other modules' files
}

func (t tree) digest(path string) ([sha256.Size]byte, error) {
	if strings.HasPrefix(path, "external/") {
		return digest(filepath.Join(t.outputBase, path))
	}
	return digest(filepath.Join(t.workspace, path))
}

// digest is of a file's content and whether it may be executed, or of all that is below a folder. Links are followed: where
// they point to is the machine's business.
func digest(path string) (sum [sha256.Size]byte, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sha256.Sum256([]byte("absent")), nil
	case err != nil:
		return sum, err
	case info.IsDir():
		return folder(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	fmt.Fprintf(h, "file %t %d\n", info.Mode()&0o100 != 0, info.Size())
	if _, err := io.Copy(h, f); err != nil {
		return sum, fmt.Errorf("reading %q: %w", path, err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

func folder(path string) (sum [sha256.Size]byte, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	for _, e := range entries {
		inner, err := digest(filepath.Join(path, e.Name()))
		if err != nil {
			return sum, err
		}
		fmt.Fprintf(h, "%q %x\n", e.Name(), inner)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// groundFiles choose Bazel, its options, and the tool set of machines without internet, whose Bazel and whose stand-ins for
// other modules are inside of it. tools/bazelw names that one by the same files. .bazeliskrc and tools/bazel are not there; bazelisk
// would take the first for options, and run the second in place of Bazel (https://github.com/bazelbuild/bazelisk/blob/master/README.md).
// The workflow is how suites run in CI: a change of it alone would pass its gate with the jobs skipped that it changes.
var groundFiles = []string{
	".bazelrc", ".bazeliskrc", ".bazelversion", ".bazelignore", ".github/workflows/ci-pipeline.yml", "tools/bazel", "tools/bazelw", "tools/offline",
}

func ground(workspace string) (map[string]string, error) {
	found := map[string]string{}
	for _, path := range groundFiles {
		err := filepath.WalkDir(filepath.Join(workspace, path), func(file string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() || strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, ".md") {
				return err
			}
			sum, err := digest(file)
			name, _ := filepath.Rel(workspace, file) // it is below
			found[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return found, nil
}
