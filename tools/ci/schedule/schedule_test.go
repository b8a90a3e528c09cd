package schedule_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/ci/schedule"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func ledger(t *testing.T, r report.Report) *bytes.Buffer {
	t.Helper()
	r.Version = report.Version
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func passed(name string, seconds float64) report.Suite {
	return report.Suite{Name: name, State: report.Passed, DeploySeconds: 2, TestSeconds: seconds - 2}
}

func TestMatrix(t *testing.T) {
	together := report.Report{Started: monday, Seconds: 200, Suites: []report.Suite{
		passed("gateway", 50), passed("notification", 110), {Name: "aianalysis", State: report.Failed, TestSeconds: 3}, passed("unasked", 900),
	}, Phases: []report.Phase{{Start: -30}, {Start: 0}, {Start: 12, Suite: "gateway"}, {Start: 10, Suite: "notification"}}}
	alone := report.Report{Started: monday.Add(time.Hour), Seconds: 31, Suites: []report.Suite{passed("gateway", 5)}}
	older := report.Report{Started: monday.Add(-time.Hour), Seconds: 600, Suites: []report.Suite{passed("gateway", 5)}}
	dry := report.Report{Started: monday.Add(2 * time.Hour), Seconds: 1, DryRun: true, Suites: []report.Suite{passed("gateway", 5)}}
	for name, test := range map[string]struct {
		ledgers []report.Report
		suites  []string
		want    string
	}{
		"none":         {nil, nil, `{"include":[]}`},
		"unknown":      {nil, []string{"gateway", "aianalysis"}, `{"include":[{"suite":"aianalysis","minutes":10},{"suite":"gateway","minutes":10}]}`},
		"longest":      {[]report.Report{together}, []string{"gateway", "notification"}, `{"include":[{"suite":"notification","minutes":2},{"suite":"gateway","minutes":1}]}`},
		"failed":       {[]report.Report{together}, []string{"aianalysis", "gateway"}, `{"include":[{"suite":"aianalysis","minutes":10},{"suite":"gateway","minutes":1}]}`},
		"newest":       {[]report.Report{alone, together, older}, []string{"gateway"}, `{"include":[{"suite":"gateway","minutes":0.6}]}`},
		"dry run":      {[]report.Report{alone, dry}, []string{"gateway"}, `{"include":[{"suite":"gateway","minutes":0.6}]}`},
		"twice":        {[]report.Report{alone}, []string{"gateway", "gateway"}, `{"include":[{"suite":"gateway","minutes":0.6}]}`},
		"shell":        {nil, []string{"gateway; id"}, "error"},
		"flag":         {nil, []string{"-x"}, "error"},
		"line":         {nil, []string{"gateway\n"}, "error"},
		"other target": {nil, []string{"//test/e2e:gateway"}, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			var l schedule.Ledgers
			for _, r := range test.ledgers {
				if err := l.Add("ledger.json", ledger(t, r)); err != nil {
					t.Fatal(err)
				}
			}
			m, err := l.Matrix(test.suites)
			got, _ := json.Marshal(m)
			if err != nil {
				got = []byte("error")
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("matrix (-want +got):\n%s\nerror: %v", diff, err)
			}
		})
	}
}

func TestBadLedger(t *testing.T) {
	for name, text := range map[string]string{"cut off": `{"version":1,`, "version": `{"version":99,"suites":[]}`, "empty": "", "list": "[]"} {
		t.Run(name, func(t *testing.T) {
			err := new(schedule.Ledgers).Add("old.json", strings.NewReader(text))
			if err == nil || fault.Code(err) != fault.Usage || !strings.Contains(err.Error(), `"old.json"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}
