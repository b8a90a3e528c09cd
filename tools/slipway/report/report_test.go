package report_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

var update = flag.Bool("update", false, "write the golden files")

// clock moves by 1.25 s with every look at it.
func clock() func() time.Time {
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(1250 * time.Millisecond); return now }
}

func passed() report.Report {
	l := report.NewLedger(clock())
	l.Set(func(r *report.Report) {
		r.Suite, r.Destination, r.Reason = "//test/e2e:gateway", "registry", "IMAGE_REGISTRY=localhost:5001 and IMAGE_TAG=t1 are set"
	})
	cluster, push := l.Begin("cluster"), l.Begin("push")
	push(report.Moved{Requests: 23, BytesIn: 512, BytesOut: 5_812_345, LayerBytes: 5_800_000}, "2 blobs sent, 1 mounted, 3 there", nil)
	cluster(report.Moved{}, "reused slipway-0123456789ab", nil)
	l.BeginSuite("gateway", "test")(report.Moved{}, "", nil)
	l.Set(func(r *report.Report) {
		r.Cluster = &report.Cluster{Name: "slipway-0123456789ab", Reused: true, Kept: true}
		r.Images = append(r.Images, report.Image{Name: "gateway", Reference: "localhost:5001/gateway@sha256:00"})
		r.Suites = append(r.Suites, report.Suite{
			Suite: "//test/e2e:gateway", Name: "gateway", Namespace: "kubernaut-system", State: report.Passed, DeploySeconds: 2.5, TestSeconds: 1.25,
			Tests: &report.Tests{Passed: 22, Skipped: 1}, FirstAssertion: 8.75, Output: "/out",
		})
		r.Memory = &report.Memory{BeforeBytes: 2_000_000_000, PeakBytes: 5_100_000_000, TotalBytes: 25_000_000_000}
		r.Output = "/out"
	})
	return l.Finish(0, nil)
}

func failed() report.Report {
	l := report.NewLedger(clock())
	l.Set(func(r *report.Report) {
		r.Suite, r.Destination, r.Fallback = "//test/e2e:gateway", "kind", "403 Forbidden"
	})
	l.Begin("cluster")(report.Moved{}, "", errors.New("no"))
	l.Begin("push")
	return l.Finish(3, errors.New("creating a cluster: no <engine>"))
}

// several has a suite that passed, one that failed in its tests, one that was not deployed and one that did not run.
func several() report.Report {
	l := report.NewLedger(clock())
	l.Set(func(r *report.Report) {
		r.Suite, r.Destination = "//test/e2e:all", "kind"
		r.Suites = []report.Suite{
			{Suite: "//test/e2e:a", Name: "a", State: report.Passed, DeploySeconds: 1, TestSeconds: 2, Tests: &report.Tests{Passed: 5}, FirstAssertion: 9},
			{Suite: "//test/e2e:b", Name: "b", State: report.Failed, DeploySeconds: 3, TestSeconds: 4, Tests: &report.Tests{Passed: 1, Failed: 1, Failures: []string{"TestB/x"}}, FirstAssertion: 8},
			{Suite: "//test/e2e:c", Name: "c", State: report.Failed, DeploySeconds: 5, Error: "deploying \"c\": no\n    pod/x log: y"},
			{Suite: "//test/e2e:d", Name: "d", State: report.NotRun},
		}
	})
	l.Begin("load")(report.Moved{BytesOut: 10, LayerBytes: 5}, "", nil)
	l.BeginSuite("a", "test")(report.Moved{}, "", nil)
	return l.Finish(3, errors.New("2 of 4 suites failed: b, c"))
}

// measured has a set-up and a build before it, the first sampled and the second not, and disk and network that were looked at.
func measured() report.Report {
	l := report.NewLedger(clock())
	l.Set(func(r *report.Report) {
		r.Suite, r.Destination, r.Reason = "//test/e2e:gateway", "kind", "IMAGE_REGISTRY and IMAGE_TAG are not set"
	})
	peak, disk := int64(0), int64(300_000_000)
	l.Before([]report.Phase{
		{Name: "set-up", Start: -90, Seconds: 60, State: report.Done, Disk: &report.Use{StartBytes: -2_300_000_000, PeakBytes: &peak}},
		{Name: "build", Start: -30, Seconds: 30, State: report.Done, Disk: &report.Use{EndBytes: disk}, Network: &report.Network{InBytes: 120_000_000, OutBytes: 900_000}},
	}, []report.Sample{{At: -90, DiskBytes: -2_300_000_000}, {At: -30}, {At: -1, DiskBytes: disk}})
	l.Watch(report.Watching{Since: "build", Budget: 2 << 30, Network: true, Look: func() report.Sample {
		disk += 110_000_000
		return report.Sample{DiskBytes: disk, Network: report.Network{InBytes: disk / 100, OutBytes: 5000}}
	}})
	l.Begin("cluster")(report.Moved{}, "created slipway-0123456789ab", nil)
	load := l.Begin("load")
	l.See(report.Sample{DiskBytes: 1_700_000_000, Network: report.Network{InBytes: disk / 100}})
	load(report.Moved{BytesOut: 45_000_000, LayerBytes: 44_900_000}, "3 layers sent, 2 there, on 1 node", nil)
	for _, name := range []string{"prepare", "deploy", "test"} {
		l.BeginSuite("gateway", name)(report.Moved{}, "", nil)
	}
	l.Begin("release")(report.Moved{}, "", nil)
	reading := func(bytes int64, at float64) *report.Reading { return &report.Reading{Bytes: bytes, At: at} }
	l.Set(func(r *report.Report) {
		r.Cluster = &report.Cluster{Name: "slipway-0123456789ab"}
		r.Images = append(r.Images, report.Image{Name: "gateway", Reference: "kind.local/gateway@sha256:00"})
		r.Suites = append(r.Suites, report.Suite{
			Suite: "//test/e2e:gateway", Name: "gateway", State: report.Passed, DeploySeconds: 2.5, TestSeconds: 1.25, Tests: &report.Tests{Passed: 22, Skipped: 1},
		})
		r.Disk.Volumes = append(r.Disk.Volumes, report.Volume{Path: "/", TotalBytes: 252e9, StartBytes: 46e9, LeastBytes: 44_300_000_000, EndBytes: 45e9})
		r.Disk.Folders = append(r.Disk.Folders,
			report.Folder{Name: "output base", Path: "/out/base", Start: reading(2e9, 0.5), Peak: reading(2_300_000_000, 8), End: reading(2_300_000_000, 9), Looks: 3, CostSeconds: 0.5},
			report.Folder{Name: "disk cache", Reason: "not known: no --disk_cache"})
	})
	return l.Finish(0, nil)
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]report.Report{
		"passed": passed(), "failed": failed(), "several": several(), "measured": measured(), "empty": report.NewLedger(clock()).Finish(2, nil),
	} {
		for ext, write := range map[string]func(*bytes.Buffer) error{
			".txt":  func(b *bytes.Buffer) error { return r.Table(b) },
			".json": func(b *bytes.Buffer) error { return r.JSON(b) },
			".md":   func(b *bytes.Buffer) error { return r.Markdown(b) },
		} {
			t.Run(name+ext, func(t *testing.T) {
				var got bytes.Buffer
				if err := write(&got); err != nil {
					t.Fatal(err)
				}
				golden(t, name+ext, got.Bytes())
			})
		}
	}
}

// One page is enough to see what a change does to all; TestPageInABrowser looks at the others.
func TestGoldenPage(t *testing.T) {
	var got bytes.Buffer
	if err := measured().HTML(&got); err != nil {
		t.Fatal(err)
	}
	golden(t, "measured.html", got.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestDefaultClock(t *testing.T) {
	before := time.Now()
	if got := report.NewLedger(nil).Finish(0, nil).Started; got.Before(before.Add(-time.Second)) {
		t.Errorf("got %v, want about %v", got, before)
	}
}
