package delivery

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/bazelrc"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// CacheOptions are the flags that name caches where no rc file does: a bundle has neither Bazel nor a checkout.
type CacheOptions struct {
	remote, disk *string // nil: not given; empty: none
	bazelrc      string
}

// Define adds the flags.
func (o *CacheOptions) Define(flags *flag.FlagSet) {
	flags.Func("cache", "", func(value string) error { o.remote = &value; return nil })
	flags.Func("disk-cache", "", func(value string) error { o.disk = &value; return nil })
	flags.StringVar(&o.bazelrc, "bazelrc", "", "")
}

// Caches are Bazel's caches, as sources of what no layout of the plan has, and the folder of what Bazel has built here: a
// layer that was built and not uploaded, because there is no cache or this job may only read it, is in no cache.
type Caches struct {
	outputs string // command.Outputs
	Disk    string // folder of the disk cache; "" without one
	sources []source.Named
	Close   func() error
}

// layout is where Bazel puts an image's layout when it builds or downloads it, which it need not have done. It is "" where
// nobody knows.
func (c Caches) layout(label string) string {
	pkg, name, ok := strings.Cut(strings.TrimPrefix(label, "//"), ":")
	if !ok || c.outputs == "" || !strings.HasPrefix(label, "//") {
		return ""
	}
	return filepath.Join(c.outputs, pkg, name)
}

// OpenCaches finds the caches that Bazel uses and connects to none of them yet.
func OpenCaches(o CacheOptions, getenv func(string) string) (Caches, error) {
	settings, err := cacheSettings(o, getenv)
	if err != nil {
		return Caches{}, fault.New(fault.Usage, err, "tools/bazelw info --config="+bazelrc.Config+" --announce_rc")
	}
	c := Caches{outputs: command.Outputs(getenv), Disk: settings.DiskCache, Close: func() error { return nil }}
	if settings.DiskCache != "" {
		c.sources = append(c.sources, source.Named{Name: "the disk cache " + settings.DiskCache, Blobs: source.DiskCache(settings.DiskCache)})
	}
	if settings.Remote.Endpoint == "" {
		return c, nil
	}
	remote, err := source.OpenCache(settings.Remote)
	if err != nil {
		return Caches{}, fault.New(fault.Usage, err, "--cache=grpcs://cache.example.com")
	}
	c.Close = remote.Close
	c.sources = append(c.sources, source.Named{Name: "the remote cache", Blobs: remote})
	return c, nil
}

// cacheSettings gives a flag precedence over the environment, and the environment over rc files.
func cacheSettings(o CacheOptions, getenv func(string) string) (bazelrc.Settings, error) {
	settings, err := bazelrc.Read(rcFiles(o, getenv))
	if err != nil {
		return settings, err
	}
	if endpoint := getenv("BAZEL_REMOTE_CACHE"); endpoint != "" {
		settings.Remote.Endpoint = endpoint
	}
	if o.remote != nil {
		settings.Remote.Endpoint = *o.remote
	}
	if o.disk != nil {
		settings.DiskCache = command.FromCaller(*o.disk, getenv)
	}
	return settings, nil
}

func rcFiles(o CacheOptions, getenv func(string) string) bazelrc.Files {
	files := bazelrc.Files{System: bazelrc.System, Home: getenv("HOME"), Workspace: command.Workspace(getenv)}
	if getenv("TEST_TARGET") != "" {
		files.Command = "test"
	}
	if launcher := launcherRC(files.Workspace, getenv); launcher != "" {
		files.Extra = append(files.Extra, launcher)
	}
	if o.bazelrc != "" {
		files.Extra = append(files.Extra, command.FromCaller(o.bazelrc, getenv))
	}
	return files
}

// launcherRC is the file that tools/bazelw gave Bazel for this checkout, "" without one.
func launcherRC(workspace string, getenv func(string) string) string {
	cache, err := command.CacheDir(getenv)
	if err != nil || workspace == "" {
		return ""
	}
	file := filepath.Join(cache, "bazelrc", workspace, "bazelw.bazelrc")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return file
}
