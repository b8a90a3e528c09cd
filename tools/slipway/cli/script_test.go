package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/interrupt"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// The scripts run slipway as a process of its own, with real flags, environment, signals, runfiles, registry and test
// binary. Only what needs a container engine is replaced: fakeSteps writes what it is asked for into $WORK/events.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slipway": slipwayProcess})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "exits": exits, "flip": flip, "lists": lists, "manifest": writeManifest,
			"newkey": newkey, "tagged": tagged, "upstreams": upstreams,
		},
	})
}

// slipwayProcess leaves its exit code in $WORK/exit, which the scripts check with "exits". It takes itself for $PROGRAM.
func slipwayProcess() {
	exit := runIn(interrupt.Context(), os.Getenv("PROGRAM"), os.Args[1:], os.Getenv, command.Streams{Out: os.Stdout, Err: os.Stderr}, fakeSteps())
	os.WriteFile(os.Getenv("WORK")+"/exit", fmt.Appendf(nil, "%d", exit), 0o644)
	os.Exit(exit)
}

// await waits until the file has a line that begins with the text.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 1000 {
		data, _ := os.ReadFile(ts.MkAbs(args[0]))
		if strings.Contains("\n"+string(data), "\n"+args[1]) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no line %q… in %s", args[1], args[0])
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if got := ts.ReadFile("exit"); got != args[0] {
		ts.Fatalf("got exit code %s, want %s", got, args[0])
	}
}

// flip changes one bit of the file that name links to or is.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[0] ^= 1
	ts.Check(os.WriteFile(path, data, 0o644))
}

// tagged checks that the good registry's repository has the tag.
func tagged(ts *testscript.TestScript, neg bool, args []string) {
	resp, err := http.Head("http://" + ts.Getenv("REGISTRY") + "/v2/" + args[0] + "/manifests/" + args[1])
	ts.Check(err)
	resp.Body.Close()
	if got := resp.StatusCode == http.StatusOK; got == neg {
		ts.Fatalf("%s:%s: got %s", args[0], args[1], resp.Status)
	}
}

func event(format string, args ...any) {
	file, err := os.OpenFile(os.Getenv("WORK")+"/events", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	fmt.Fprintf(file, format+"\n", args...)
}

// step writes the event, then fails or blocks when the script wants it to.
func step(ctx context.Context, name, format string, args ...any) error {
	event(name+" "+format, args...)
	if os.Getenv("FILL") == name {
		os.WriteFile(os.Getenv("WORK")+"/taken", []byte("3000000000"), 0o644)
	}
	if slices.Contains(strings.Split(os.Getenv("BLOCK"), ","), name) {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail := os.Getenv("FAIL"); fail == name || strings.HasPrefix(fail, name+" ") && strings.HasPrefix(fmt.Sprintf(format, args...), fail[len(name)+1:]) {
		return fault.New(fault.Delivery, errors.New(name+" does not work"), "repair "+name)
	}
	return ctx.Err()
}

// fakeStatfs is one file system, of which the step that FILL names takes 3 GB.
func fakeStatfs(string) (disk.Space, error) {
	taken, _ := os.ReadFile(os.Getenv("WORK") + "/taken")
	n, _ := strconv.ParseInt(string(taken), 10, 64)
	return disk.Space{Device: 1, Total: 100e9, Free: 50e9 - n}, nil
}

func fakeSteps() steps {
	loading, asked := make(chan struct{}), make(chan struct{})
	return steps{
		statfs: fakeStatfs,
		acquire: func(ctx context.Context, c cluster.Config) (*held, error) {
			if err := step(ctx, "acquire", "fresh=%v ports=%d hook=%q image=%s", c.Fresh, c.Ports, c.EngineHook, c.Image.Reference); err != nil {
				return nil, err
			}
			return &held{
				name: "slipway-test", reused: os.Getenv("REUSED") == "1", kubeconfig: c.Dir + "/kubeconfig", gateway: "127.0.0.1", nodes: make([]cluster.Node, 2),
				release: func(_ context.Context, keep bool) error {
					return step(context.Background(), "release", "keep=%v", keep)
				},
				export: func(_ context.Context, dir string) error { return step(context.Background(), "export", "logs") },
				folders: func(ctx context.Context) []disk.Folder { // of an engine that answers during the delivery
					defer close(asked)
					select {
					case <-loading:
					case <-ctx.Done():
					}
					if ctx.Err() != nil {
						return nil
					}
					return []disk.Folder{{Name: "content of test-node", Size: func(context.Context) (int64, error) { return 7e6, nil }}}
				},
			}, nil
		},
		load: func(ctx context.Context, l *node.Loader, nodes []cluster.Node, images []node.Image) (node.Result, error) {
			close(loading)
			<-asked
			result := node.Result{References: map[string]string{}, LayersSent: len(images)}
			for _, image := range images {
				result.References[image.Descriptor.Name] = image.Reference()
				if err := step(ctx, "load", "%s archive=%v", image.Repository, l.Archive); err != nil {
					return result, err
				}
				for _, layer := range image.Descriptor.Layers {
					r, err := l.Blobs.Open(ctx, layer)
					if err == nil {
						_, err = io.Copy(io.Discard, r)
					}
					if err != nil {
						return result, fmt.Errorf("delivering %s to kind: %w", image.Descriptor.Label, err)
					}
					result.LayerBytes += layer.Size
				}
			}
			return result, nil
		},
		relay: func(ctx context.Context, listen, target string) (string, func(), error) {
			return "172.18.0.1:40123", func() { event("relay stopped") }, step(ctx, "relay", "%s %s", listen, target)
		},
		trust: func(ctx context.Context, nodes []cluster.Node, host, endpoint string) error {
			return step(ctx, "trust", "%d %s %s", len(nodes), host, endpoint)
		},
		open: func(ctx context.Context, target deploy.Target, configs []deploy.Config) (site, error) {
			secret := strings.ReplaceAll(string(target.DockerConfig), "\n", "")
			opened := fakeSite{}
			for _, c := range configs {
				opened[c.Suite] = c
			}
			return opened, step(ctx, "open", "%d suites secret=%v", len(configs), secret != "")
		},
		test: func(ctx context.Context, c suite.Config) (suite.Result, error) {
			if err := step(ctx, "test", "%q %s", c.Args, c.Timeout); err != nil {
				return suite.Result{}, err
			}
			return suite.Run(ctx, c)
		},
	}
}

// fakeSite has nothing but the configurations.
type fakeSite map[string]deploy.Config

func (s fakeSite) Apply(ctx context.Context, suite string) (deploy.Result, error) {
	c := s[suite]
	namespaces := map[string]string{c.Namespace: c.Namespace}
	if c.Copied {
		namespaces[c.Namespace] = c.Namespace + "-" + c.Suite
	}
	return deploy.Result{Env: map[string]string{"GATEWAY_URL": "http://127.0.0.1:40000"}, Namespaces: namespaces, Applied: 3},
		step(ctx, "apply", "%s %s", namespaces[c.Namespace], c.References["gateway"])
}

func (s fakeSite) Remove(ctx context.Context, suite string) error {
	return step(ctx, "remove", "%s", suite)
}
