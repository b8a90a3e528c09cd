package deploytest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
)

// manifest keeps all rules.
const manifest = `apiVersion: v1
kind: ServiceAccount
metadata:
  name: foo
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: foo
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
rules:
- apiGroups: [kubernaut.ai]
  resources: [remediationrequests]
  verbs: [get, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: foo
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: foo}
subjects: [{kind: ServiceAccount, name: foo, namespace: kubernaut-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: foo-data-storage-client
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: data-storage-client}
subjects: [{kind: ServiceAccount, name: foo, namespace: kubernaut-system}]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: foo
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: foo}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}
    spec:
      serviceAccountName: foo
      enableServiceLinks: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: foo
        image: foo
        env:
        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: COOLDOWN, value: 5m}
        ports: [{name: probes, containerPort: 8081}]
        livenessProbe: {httpGet: {path: /healthz, port: 8081}}
        readinessProbe: {httpGet: {path: /readyz, port: 8081}}
        resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}`

func expectation() deploytest.Expectation {
	return deploytest.Expectation{
		Component:   "foo",
		Permissions: []permission.Rule{{Namespace: names.Namespace, Group: names.APIGroup, Resource: "remediationrequests", Verbs: []string{"list", "get"}}},
		Roles:       []string{names.DataStorageClientRole},
		Env:         []string{"COOLDOWN"},
		Ports:       map[string]int32{"probes": 8081},
	}
}

// recorder takes what a check reports.
type recorder struct {
	testing.TB
	reports []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}

func TestCheckPasses(t *testing.T) {
	deploytest.Decode(t, manifest).Check(expectation())
}

func TestCheckFindsEachFault(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"verbs: [get, list]", "verbs: [get]", `list kubernaut.ai/remediationrequests`},
		{"verbs: [get, list]", "verbs: [get, list, delete]", `delete kubernaut.ai/remediationrequests`},
		{"name: data-storage-client}", "name: cluster-admin}", "cluster-admin"},
		{"name: COOLDOWN", "name: COOL_DOWN", "COOL_DOWN"},
		{"image: foo", "image: bar", "bar"},
		{"containerPort: 8081", "containerPort: 8082", "8082"},
		{"runAsUser: 65532", "runAsUser: 1000", "1000"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read-only root"},
		{"enableServiceLinks: false", "enableServiceLinks: true", "service links"},
		{"limits: {memory: 128Mi}", "limits: {}", "memory limit"},
		{"        readinessProbe: {httpGet: {path: /readyz, port: 8081}}\n", "", "readiness probe"},
		{"app.kubernetes.io/part-of: kubernaut}\nrules", "app.kubernetes.io/part-of: other}\nrules", "labels"},
		{"  namespace: kubernaut-system\n  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}\nrules",
			"  namespace: elsewhere\n  labels: {app.kubernetes.io/name: foo, app.kubernetes.io/part-of: kubernaut}\nrules", `"elsewhere" is none of the platform`},
	} {
		t.Run(test.new, func(t *testing.T) {
			if !strings.Contains(manifest, test.old) {
				t.Fatalf("the manifest has no %q", test.old)
			}
			found := &recorder{TB: t}
			deploytest.Decode(found, strings.Replace(manifest, test.old, test.new, 1)).Check(expectation())
			if got := strings.Join(found.reports, "\n"); !strings.Contains(got, test.want) {
				t.Errorf("reports: got %q, want one with %q", got, test.want)
			}
		})
	}
}
