package workflowid_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/workflowid"
)

func TestNew(t *testing.T) {
	for _, test := range []struct{ name, environment, want string }{
		{"oomkill-increase-memory-v1", "production", "588c0d01-ef83-5a78-ac19-4af9089b7776"},
		{"crashloop-config-fix-v1", "staging", "337c905a-67f0-5376-b96d-b9a37d380401"},
		{"generic-restart-v1", "production", "a77dd1d4-a5f0-527b-b39a-afb796371a76"},
	} {
		if diff := cmp.Diff(test.want, workflowid.New(test.name, test.environment)); diff != "" {
			t.Errorf("New(%q, %q) (-want +got):\n%s", test.name, test.environment, diff)
		}
	}
}
