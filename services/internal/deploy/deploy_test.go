package deploy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/deploy"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestNamespace(t *testing.T) {
	var object corev1.Namespace
	if err := yaml.UnmarshalStrict(deploy.Namespace(), &object); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Namespace", names.Namespace}, []string{object.Kind, object.Name}); diff != "" {
		t.Errorf("kind and name (-want +got):\n%s", diff)
	}
}
