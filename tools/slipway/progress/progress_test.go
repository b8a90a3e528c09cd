package progress_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// clock moves by 200 ms with every look at it.
func clock() func() time.Time {
	now := time.Unix(0, 0)
	return func() time.Time { now = now.Add(200 * time.Millisecond); return now }
}

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	d := progress.New(&out, progress.Options{Now: clock()})
	s := d.Step("push gateway", 100)
	s.Add(100)
	d.Line("warning: %s\n", "careful")
	s.Done("1 blob, 100 B")
	s.Fail(errors.New("too late"))
	d.Step("deploy", 0).Done("")
	d.Step("kind", 0).Fail(errors.New("secret cause"))
	d.Close()
	want := "warning: careful\npush gateway: 1 blob, 100 B (0.2 s)\ndeploy: (0.2 s)\nkind: stopped (0.2 s)\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestPrefixed(t *testing.T) {
	var out bytes.Buffer
	d := progress.New(&out, progress.Options{Now: clock()})
	p := progress.Prefixed(d, "100% gateway ")
	p.Step("deploy", 0).Done("x")
	p.Line("warning: %s", "y")
	if progress.Prefixed(d, "") != progress.Reporter(d) {
		t.Error("an empty prefix: want the same reporter")
	}
	if diff := cmp.Diff("100% gateway deploy: x (0.2 s)\n100% gateway warning: y\n", out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestColor(t *testing.T) {
	var out bytes.Buffer
	d := progress.New(&out, progress.Options{Color: true, Now: clock()})
	d.Step("a", 0).Done("x")
	d.Step("b", 0).Fail(nil)
	want := "\x1b[32ma\x1b[0m: x (0.2 s)\n\x1b[31mb\x1b[0m: stopped (0.2 s)\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// The live form ends with the same lines, each printed whole, and with no bar left behind.
func TestLive(t *testing.T) {
	var out safeBuffer
	d := progress.New(&out, progress.Options{Terminal: true})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := d.Step(fmt.Sprintf("push service%d", i), int64(i)*1000)
			s.Add(500)
			s.Done("done")
		})
	}
	wg.Wait()
	left := d.Step("never ended", 0)
	d.Close()
	left.Done("after all")
	d.Step("late", 5).Done("plain")
	d.Close()
	got := out.String()
	for i := range 8 {
		if want := fmt.Sprintf("push service%d: done (", i); strings.Count(got, want) != 1 {
			t.Errorf("got %q, want %q once", got, want)
		}
	}
	for _, want := range []string{"never ended: after all (", "late: plain ("} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What another writer prints after a step has ended stays: no bar is cleared later, with the line above it.
func TestLiveIsClearedAtTheEndOfTheLastStep(t *testing.T) {
	var out safeBuffer
	d := progress.New(&out, progress.Options{Terminal: true})
	defer d.Close()
	for range 2 {
		s := d.Step("deploy", 0)
		time.Sleep(200 * time.Millisecond) // more than one frame
		s.Done("done")
		shown := out.String()
		if !strings.HasSuffix(shown, "s)\n") {
			t.Errorf("got %q at the end of the step", shown)
		}
		time.Sleep(200 * time.Millisecond)
		if later := strings.TrimPrefix(out.String(), shown); later != "" {
			t.Errorf("got %q after the end of the step", later)
		}
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 5_800_000: "5.8 MB", 999_999: "1.0 MB", 1_200_000_000: "1.2 GB", -5: "-5 B"} {
		if got := progress.Bytes(n); got != want {
			t.Errorf("Bytes(%d): got %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 1234 * time.Millisecond: "1.2 s", 99949 * time.Millisecond: "99.9 s", 99950 * time.Millisecond: "1 min 40 s", 125 * time.Second: "2 min 05 s",
	} {
		if got := progress.Seconds(d); got != want {
			t.Errorf("Seconds(%d): got %q, want %q", d, got, want)
		}
	}
	if got := progress.Count(1, "blob") + progress.Count(2, "blob"); got != "1 blob2 blobs" {
		t.Errorf("Count: got %q", got)
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
