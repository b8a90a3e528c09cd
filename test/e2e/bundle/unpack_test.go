package bundle_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/test/e2e/bundle"
)

// Limits in bytes, above the 26 MB and the 63 MB of slipway and one test program, compressed.
const (
	mostPacked   = 35e6
	mostUnpacked = 80e6
)

func TestNoLayerIsInIt(t *testing.T) {
	unpacked := bundle.Unpack(t)
	disk := unpacked.Measure(t)
	if len(disk.Layers) > 0 || disk.Bytes > mostUnpacked {
		t.Errorf("got %d bytes, want at most %.0f, and the layers %v, want none", disk.Bytes, mostUnpacked, disk.Layers)
	}
	for name := range disk.Files {
		if strings.Contains(name, "/blobs/") || strings.HasSuffix(name, "/oci-layout") {
			t.Errorf("%s is of an image layout", name)
		}
	}
	info, err := os.Stat(unpacked.Archive)
	if err != nil || info.Size() > mostPacked {
		t.Fatalf("got an archive of %d bytes and error %v, want at most %.0f", info.Size(), err, mostPacked)
	}
	t.Logf("archive %.1f MB, unpacked %.1f MB in %d files", float64(info.Size())/1e6, float64(disk.Bytes)/1e6, len(disk.Files))
}

// The archive says nothing about who made it, where and when.
func TestNothingOfTheMachineIsInIt(t *testing.T) {
	file, err := os.Open(bundle.Unpack(t).Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	if zipped.Name != "" || !zipped.ModTime.IsZero() {
		t.Errorf("got name %q and time %s, want neither", zipped.Name, zipped.ModTime)
	}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !strings.HasPrefix(h.Name, "gateway.bundle/") {
			t.Errorf("got %+v, want no time, no owner and a path below gateway.bundle", h)
		}
	}
}

func TestItRunsAnywhereWithoutAnEnvironment(t *testing.T) {
	unpacked := bundle.Unpack(t)
	for name, tc := range map[string]struct {
		env, args []string
		exit      int
		out       string // regular expression
	}{
		"dry run":    {nil, []string{"--dry-run"}, 0, `(?m)^gateway kind\.local/gateway@sha256:[0-9a-f]{64}$`},
		"subcommand": {nil, []string{"run", "--dry-run"}, 0, `(?m)^would run //test/e2e:gateway in namespace kubernaut-system$`},
		"help":       {nil, []string{"run", "--help"}, 0, `(?m)^A bundle:$`},
		"bad flag":   {nil, []string{"--load=some"}, 2, `(?m)^slipway: hint: gateway\.bundle/run --help$`},
		"no source": {nil, nil, 2,
			`(?s)error: a bundle holds no image layers, and nothing says where they are: .*hint: IMAGE_REGISTRY=\S+ IMAGE_TAG=TAG gateway\.bundle/run\n.*hint: BAZEL_REMOTE_CACHE=\S+ gateway\.bundle/run\n`},
		"half of the registry": {[]string{"IMAGE_TAG=v1"}, nil, 2, `IMAGE_TAG is set but IMAGE_REGISTRY is not`},
		"no cache folder":      {[]string{"IMAGE_REGISTRY=localhost:1/x", "IMAGE_TAG=v1"}, nil, 2, `hint: export KUBERNAUT_CACHE=`},
		"no engine": {[]string{"IMAGE_REGISTRY=localhost:1/x", "IMAGE_TAG=v1", "KUBERNAUT_CACHE=" + t.TempDir()}, nil, 3,
			`no container engine answers \(docker: not installed; podman: not installed\); a bundle brings none: one must run that has the node image \S+ or can pull it\n`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, exit := unpacked.Run(t, io.Discard, tc.env, tc.args...)
			if exit != tc.exit || !regexp.MustCompile(tc.out).MatchString(stdout+stderr) {
				t.Errorf("got exit code %d, want %d and %s in:\n%s%s", exit, tc.exit, tc.out, stdout, stderr)
			}
			if strings.Contains(stderr, "hint: tools/bazelw") {
				t.Errorf("got a hint that needs a checkout:\n%s", stderr)
			}
		})
	}
	entries, err := os.ReadDir(unpacked.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v and error %v, want nothing beside the bundle", entries, err)
	}
}
