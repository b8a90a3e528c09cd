package deploytest_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
)

// mounting is a part of a manifest, and its ConfigMap as it is made of the file below.
const mounting = `apiVersion: apps/v1
kind: Deployment
metadata: {name: foo}
spec:
  selector: {}
  template:
    spec:
      containers:
      - name: foo
        volumeMounts:
        - {name: policies, mountPath: /etc/foo}
      volumes:
      - {name: policies, configMap: {name: foo-policies}}
---
# The policies. Made of policies/*.rego by: go test ./services/foo/deploy -update
apiVersion: v1
kind: ConfigMap
metadata:
  name: foo-policies
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
data:
  a.rego: |
    package a

    b if {
    	c
    }
`

func policies() deploytest.Policies {
	return deploytest.Policies{
		Component: "foo", Dir: "/etc/foo", Files: fstest.MapFS{"a.rego": {Data: []byte("package a\n\nb if {\n\tc\n}\n")}},
	}
}

func TestCheckPoliciesPasses(t *testing.T) {
	deploytest.CheckPolicies(t, mounting, policies())
}

func TestCheckPoliciesFindsEachFault(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"# The policies.", "# Policies.", "go test ./services/foo/deploy -update writes it"},
		{"    \tc\n", "    \td\n", "ConfigMap (-policies +data)"},
		{"mountPath: /etc/foo", "mountPath: /etc/bar", "/etc/bar"},
		{"configMap: {name: foo-policies}", "configMap: {name: others}", "others"},
		{"mountPath: /etc/foo", "mountPath: /etc/foo, subPath: a.rego", `sub-path "a.rego"`},
	} {
		t.Run(test.new, func(t *testing.T) {
			if !strings.Contains(mounting, test.old) {
				t.Fatalf("the manifest has no %q", test.old)
			}
			found := &recorder{TB: t}
			deploytest.CheckPolicies(found, strings.Replace(mounting, test.old, test.new, 1), policies())
			if got := strings.Join(found.reports, "\n"); !strings.Contains(got, test.want) {
				t.Errorf("reports: got %q, want one with %q", got, test.want)
			}
		})
	}
}

// What an update writes, a check takes.
func TestUpdateWritesPolicies(t *testing.T) {
	t.Chdir(t.TempDir())
	want := policies()
	want.Update = true
	deploytest.CheckPolicies(t, "", want)
	written, err := os.ReadFile("policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	workload, _, _ := strings.Cut(mounting, "# The policies.")
	deploytest.CheckPolicies(t, workload+string(written), policies())
}
