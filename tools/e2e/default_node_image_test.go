package e2e_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"
)

// kind is tested with its default node image alone; the two move together.
func TestDefaultNodeImage(t *testing.T) {
	source, err := os.ReadFile("private/default_node_image.bzl")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^DEFAULT_NODE_IMAGE = "(.*)"$`).FindSubmatch(source)
	if match == nil {
		t.Fatalf("no DEFAULT_NODE_IMAGE in:\n%s", source)
	}
	if diff := cmp.Diff(defaults.Image, string(match[1])); diff != "" {
		t.Errorf("default node image (-kind +ours):\n%s", diff)
	}
}

func TestKindConfigs(t *testing.T) {
	for file, want := range map[string][]v1alpha4.NodeRole{
		"kind.yaml":        {v1alpha4.ControlPlaneRole},
		"kind_worker.yaml": {v1alpha4.ControlPlaneRole, v1alpha4.WorkerRole},
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var config v1alpha4.Cluster
			if err := yaml.UnmarshalStrict(data, &config); err != nil {
				t.Fatal(err)
			}
			var got []v1alpha4.NodeRole
			for _, node := range config.Nodes {
				got = append(got, node.Role)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
		})
	}
}
