package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// RC holds what the generated bazelrc names.
type RC struct {
	Cache     string // disk cache
	Registry  string // folder of the module registry
	Features  string // folder of bazel_features
	GoProxy   string // the machine's GOPROXY
	ModCache  string // the machine's GOMODCACHE
	NodeImage string // value of //tools/e2e:node_image_reference; empty leaves the default
	Postgres  string // file with the list of PostgreSQL's files; empty leaves the image of the internet
}

// blocked keeps Bazel's own downloader from the network: whatever it still wants is missing in the tool set.
const blocked = "block *\n"

// CheckCache refuses cache folders that a bazelrc cannot name. It is for the start of a set-up, before anything is made.
func CheckCache(dir string) error {
	if strings.ContainsAny(dir, " \t\n\"'\\#") {
		return fmt.Errorf("cache folder %q: a bazelrc cannot name a path with spaces, quotes or #; set KUBERNAUT_CACHE to another", dir)
	}
	return nil
}

// Write writes the bazelrc and its downloader configuration into dir and returns the bazelrc's path. Bazel expands no
// variables in a bazelrc, so the machine's paths are filled in here. Existing equal files are left alone.
func (rc RC) Write(dir string) (string, error) {
	if err := CheckCache(rc.Cache); err != nil {
		return "", err
	}
	block := filepath.Join(dir, "downloader.cfg")
	if err := replace(block, blocked); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "offline.bazelrc")
	return path, replace(path, rc.text(block))
}

func (rc RC) text(block string) string {
	proxy := "file://" + filepath.Join(rc.ModCache, "cache/download") + "," + rc.GoProxy
	lines := []string{
		"# Written by tools/offline; the reasons stand in tools/offline/README.md.",
		"common --config=offline",
		"common --registry=file://" + rc.Registry,
		"common --override_module=bazel_features=" + rc.Features,
		"common --experimental_downloader_config=" + block,
		"common --repo_env=GOPROXY=" + proxy,
		"build --disk_cache=" + filepath.Join(rc.Cache, "disk"),
		// Debian's system bazelrc turns it on; a `build` line comes after every `common` one, whatever its file.
		"build --nosandbox_debug",
		// The root has a PostgreSQL: a test that cannot use it fails instead of being skipped.
		"test --test_env=REQUIRE_POSTGRES=1",
		// It gets a browser and a registry before the first test.
		"test --test_env=REQUIRE_CHROMIUM=1",
		"test --test_env=REQUIRE_DOCKER_REGISTRY=1",
	}
	if strings.HasPrefix(rc.Cache, "/tmp/") {
		// The sandbox has a /tmp of its own, which would hide the modules that actions' inputs link to.
		lines = append(lines, "build --sandbox_add_mount_pair="+rc.Cache)
	}
	if rc.NodeImage != "" {
		lines = append(lines, "build --//tools/e2e:node_image_reference="+rc.NodeImage)
	}
	if rc.Postgres != "" {
		lines = append(lines,
			"common --repo_env=KUBERNAUT_POSTGRES_FILES="+rc.Postgres, "build --//tools/e2e/postgres:source=debian")
	}
	return strings.Join(lines, "\n") + "\n"
}

func replace(path, text string) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(part, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
