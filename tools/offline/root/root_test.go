package root

import (
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	got := strings.Join(arguments("/cache/root/x.part", "deb mirror"), " ")
	for _, want := range []string{"--include=bazel-bootstrap,", "postgresql", Release + " /cache/root/x.part deb mirror", "Check-Valid-Until"} {
		if !strings.Contains(got, want) {
			t.Errorf("arguments have no %q: %s", want, got)
		}
	}
	// openjdk's postinst runs update-alternatives on manual pages.
	if strings.Contains(got, "/usr/share/man") {
		t.Errorf("arguments exclude manual pages: %s", got)
	}
}

func TestKeyIsAFolderName(t *testing.T) {
	if k := Key(); len(k) != 12 || strings.Trim(k, "0123456789abcdef") != "" {
		t.Errorf("Key() = %q, want 12 hex digits", k)
	}
}
