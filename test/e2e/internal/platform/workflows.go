package platform

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// workflowImages is the PodTemplate in the Jobs' namespace that says which reference the workflow's image was delivered under.
const workflowImages = "workflow-images"

// WorkflowImage returns the delivered workflow image, in the two parts that the catalogue keeps. workflows is the namespace of
// the Jobs.
func (p *Platform) WorkflowImage(ctx context.Context, workflows string) (image, digest string, err error) {
	images, err := p.Kube.CoreV1().PodTemplates(workflows).Get(ctx, workflowImages, metav1.GetOptions{})
	if err != nil {
		return "", "", fmt.Errorf("reading the workflow images of %q: %w", workflows, err)
	}
	reference := images.Template.Spec.Containers[0].Image
	image, digest, found := strings.Cut(reference, "@")
	if !found {
		return "", "", fmt.Errorf("the workflow image was delivered as %q, want a reference by digest", reference)
	}
	return image, digest, nil
}
