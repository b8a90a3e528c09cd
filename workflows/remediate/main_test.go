package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for name, test := range map[string]struct {
		variables map[string]string
		want      []any // exit code, standard output, standard error
	}{
		"success":     {map[string]string{"ACTION": "succeed"}, []any{0, "succeeded, as asked\n", ""}},
		"exit code":   {map[string]string{"ACTION": "fail", "EXIT_CODE": "7"}, []any{7, "", "remediate: error: asked to fail with exit code 7\n"}},
		"other error": {map[string]string{"ACTION": "restart"}, []any{1, "", "remediate: error: TARGET_RESOURCE must be <namespace>/<kind>/<name>, got \"\"\n"}},
		"no cluster":  {map[string]string{"ACTION": "restart", "TARGET_RESOURCE": "a/Pod/b"}, []any{1, "", "remediate: error: connecting to the cluster: unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(func(key string) string { return test.variables[key] }, &stdout, &stderr)
			if diff := cmp.Diff(test.want, []any{code, stdout.String(), stderr.String()}); diff != "" {
				t.Errorf("exit code and output (-want +got):\n%s", diff)
			}
		})
	}
}
