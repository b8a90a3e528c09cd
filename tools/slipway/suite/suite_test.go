package suite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// The suites under test are this very binary: the environment variable says which helper test it runs.
const role = "SUITE_TEST_ROLE"

func runAs(t *testing.T, name string) {
	t.Helper()
	if os.Getenv(role) != name {
		t.Skip("only as the child of TestRun")
	}
}

func TestHelperMixed(t *testing.T) {
	runAs(t, "mixed")
	fmt.Println("--- FAIL: TestForged (0.00s)")
	fmt.Print("unfinished line")
	t.Run("passes", func(*testing.T) {})
	t.Run("skips", func(t *testing.T) { t.Skip("not here") })
	t.Run("group", func(t *testing.T) {
		t.Run("passes", func(*testing.T) {})
		t.Run("fails", func(t *testing.T) { t.Error("wrong") })
	})
}

func TestHelperPass(t *testing.T) {
	runAs(t, "pass")
	println("to stderr") // file descriptor 2: package testing points os.Stderr to stdout under test2json
	if got := strings.Join(os.Environ(), " "); !strings.Contains(got, "HANDED=over") || strings.Contains(got, "PATH=") {
		t.Errorf("environment: got %q, want what was handed over alone", got)
	}
}

func TestHelperParent(t *testing.T) {
	runAs(t, "parent")
	t.Run("passes", func(*testing.T) {})
	t.Error("failed after its subtests")
}

func TestHelperCrash(t *testing.T) {
	runAs(t, "crash")
	t.Run("exits", func(*testing.T) { os.Exit(7) })
}

func TestHelperHang(t *testing.T) {
	runAs(t, "hang")
	if path := os.Getenv("STARTED"); path != "" {
		signal.Ignore(syscall.SIGTERM)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Hour)
}

func config(t *testing.T, name, test string) suite.Config {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return suite.Config{
		Binary: binary, Args: []string{"-test.run=^" + strings.ReplaceAll(test, "/", "$/^") + "$", "-test.v=true"},
		Env: []string{role + "=" + name, "HANDED=over"}, Dir: t.TempDir(), GracePeriod: 50 * time.Millisecond,
	}
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		role, test string
		want       suite.Result
		code       int
		err        string
	}{
		{role: "pass", test: "TestHelperPass", want: suite.Result{Passed: 1}},
		{
			role: "mixed", test: "TestHelperMixed", code: fault.TestsFailed,
			want: suite.Result{Passed: 2, Failed: 1, Skipped: 1, Failures: []string{"TestHelperMixed/group/fails"}},
			err:  "1 of 4 tests failed: TestHelperMixed/group/fails",
		},
		{
			role: "parent", test: "TestHelperParent", code: fault.TestsFailed,
			want: suite.Result{Passed: 1, Failed: 1, Failures: []string{"TestHelperParent"}},
			err:  "1 of 2 tests failed: TestHelperParent",
		},
		{
			role: "crash", test: "TestHelperCrash", code: fault.TestsFailed,
			want: suite.Result{Failed: 1, Failures: []string{"TestHelperCrash/exits"}},
			err:  "1 of 1 tests failed: TestHelperCrash/exits",
		},
		{role: "mixed", test: "TestHelperMixed/nothing", code: fault.TestsFailed, err: "no test ran"},
		{role: "none", test: "TestNoSuchName", code: fault.TestsFailed, err: "no test ran"},
	} {
		t.Run(tc.role+" "+tc.test, func(t *testing.T) {
			got, err := suite.Run(t.Context(), config(t, tc.role, tc.test))
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(suite.Result{}, "FirstAssertion", "Elapsed")); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			checkError(t, err, tc.code, tc.err)
			if results := got.Passed + got.Skipped; (results > 0) != (got.FirstAssertion > 0) {
				t.Errorf("first assertion after %s with %d results", got.FirstAssertion, results)
			}
		})
	}
}

func checkError(t *testing.T, err error, code int, text string) {
	t.Helper()
	if got := fault.Code(err); got != code {
		t.Errorf("exit code of %v: got %d, want %d", err, got, code)
	}
	if err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("error: got %q, want it to contain %q", err, text)
	}
}

func TestRunStreams(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := config(t, "mixed", "TestHelperMixed")
	c.Stdout, c.Stderr = &stdout, &stderr
	_, _ = suite.Run(t.Context(), c)
	for _, want := range []string{"=== RUN   TestHelperMixed/passes\n", "unfinished line", "--- FAIL: TestForged", "\n--- SKIP: TestHelperMixed/skips"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout.String())
		}
	}
	if strings.ContainsRune(stdout.String(), 0x16) {
		t.Errorf("stdout holds a marker: %q", stdout.String())
	}
	c = config(t, "pass", "TestHelperPass")
	c.Stderr = &stderr
	_, _ = suite.Run(t.Context(), c)
	if diff := cmp.Diff("to stderr\n", stderr.String()); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

func TestRunTimeLimit(t *testing.T) {
	var stderr bytes.Buffer
	c := config(t, "hang", "TestHelperHang")
	c.Timeout, c.GracePeriod, c.Stderr = 100*time.Millisecond, time.Minute, &stderr
	got, err := suite.Run(t.Context(), c)
	checkError(t, err, fault.TestsFailed, "TestHelperHang")
	if diff := cmp.Diff([]string{"TestHelperHang"}, got.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if want := "test timed out after 100ms"; !strings.Contains(stderr.String(), want) {
		t.Errorf("stderr lacks %q:\n%s", want, stderr.String())
	}
}

// The child ignores SIGTERM: it ends only by the SIGKILL after the grace period.
func TestRunCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := config(t, "hang", "TestHelperHang")
	started := filepath.Join(t.TempDir(), "started")
	c.Env = append(c.Env, "STARTED="+started)
	go func() {
		for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	got, err := suite.Run(ctx, c)
	checkError(t, err, fault.Interrupted, context.Canceled.Error())
	if diff := cmp.Diff([]string{"TestHelperHang"}, got.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestRunMissingBinary(t *testing.T) {
	_, err := suite.Run(t.Context(), suite.Config{Binary: filepath.Join(t.TempDir(), "absent")})
	checkError(t, err, fault.Delivery, "starting test binary")
}
