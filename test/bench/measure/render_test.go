package measure

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata")

func TestMarkdown(t *testing.T) {
	f := &fake{times: map[string][]time.Duration{"slipway": seconds2(0.1, 0.2, 0.3), "crane": seconds2(1, 1, 12.34)}}
	r, err := Run(t.Context(), f.suite(), host(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	r.Started = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	r.Facts = []Fact{{"CPU", "some"}, {"cores", "2"}}
	var got bytes.Buffer
	if err := r.Markdown(&got, f.suite()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "section.md")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("section (-want +got, `go test ./test/bench/measure -update` writes it):\n%s", diff)
	}
}

func TestReplaceSection(t *testing.T) {
	tests := []struct{ name, document, want string }{
		{"there", "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n", "a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n"},
		{"among others", "<!-- bench:w -->\nw\n<!-- /bench:w -->\n<!-- bench:x -->\n<!-- /bench:x -->\n",
			"<!-- bench:w -->\nw\n<!-- /bench:w -->\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\n"},
		{"not there", "a\n", "a\n\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\n"},
	}
	for _, test := range tests {
		got, err := replaceSection([]byte(test.document), "x", []byte("new\n"))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := replaceSection([]byte("<!-- bench:x -->\nold\n"), "x", nil); err == nil {
		t.Error("a section without end is accepted")
	}
}

func TestUpdateDocumentWantsRounds(t *testing.T) {
	f := &fake{times: map[string][]time.Duration{"slipway": seconds2(1, 1, 1, 1, 1), "crane": seconds2(1, 1, 1, 1, 1)}}
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(path, []byte("# Benchmarks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for rounds, want := range map[int]bool{4: false, 5: true} {
		r, err := Run(t.Context(), f.suite(), host(t), rounds)
		if err != nil {
			t.Fatal(err)
		}
		if err := UpdateDocument(path, f.suite(), &r); (err == nil) != want {
			t.Errorf("%d rounds: error %v", rounds, err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), "## Pushing") {
		t.Errorf("document %q, error %v", got, err)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", -1234567: "-1 234 567", -100: "-100"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
}
