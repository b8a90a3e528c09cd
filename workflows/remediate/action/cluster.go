package action

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// Target is the resource that a workflow is to work on.
type Target struct{ Namespace, Kind, Name string }

// ParseTarget reads "<namespace>/<kind>/<name>".
func ParseTarget(text string) (Target, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Target{}, fmt.Errorf("TARGET_RESOURCE must be <namespace>/<kind>/<name>, got %q", text)
	}
	return Target{Namespace: parts[0], Kind: parts[1], Name: parts[2]}, nil
}

// Cluster is what the actions use of Kubernetes.
type Cluster struct {
	Deployments appsclient.DeploymentsGetter
	ReplicaSets appsclient.ReplicaSetsGetter
	Pods        coreclient.PodsGetter
}

// InCluster returns the cluster that the process runs in, with its pod's account.
func InCluster() (Cluster, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return Cluster{}, fmt.Errorf("connecting to the cluster: %w", err)
	}
	apps, err := appsclient.NewForConfig(config)
	if err != nil {
		return Cluster{}, fmt.Errorf("connecting to the cluster: %w", err)
	}
	core, err := coreclient.NewForConfig(config)
	if err != nil {
		return Cluster{}, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return Cluster{Deployments: apps, ReplicaSets: apps, Pods: core}, nil
}

// deployment returns the Deployment that a target is or belongs to.
func (c Cluster) deployment(ctx context.Context, target Target) (*appsv1.Deployment, error) {
	name, err := c.deploymentName(ctx, target)
	if err != nil {
		return nil, err
	}
	deployment, err := c.Deployments.Deployments(target.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading deployment %s/%s: %w", target.Namespace, name, err)
	}
	return deployment, nil
}

func (c Cluster) deploymentName(ctx context.Context, target Target) (string, error) {
	switch strings.ToLower(target.Kind) {
	case "deployment":
		return target.Name, nil
	case "pod":
		return c.ofPod(ctx, target)
	}
	return "", fmt.Errorf("the target must be a Deployment or a pod of one, got %s", target.Kind)
}

func (c Cluster) ofPod(ctx context.Context, target Target) (string, error) {
	pod, err := c.Pods.Pods(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading pod %s/%s: %w", target.Namespace, target.Name, err)
	}
	set := controller(pod.OwnerReferences, "ReplicaSet")
	if set == "" {
		return "", fmt.Errorf("pod %s/%s belongs to no Deployment", target.Namespace, target.Name)
	}
	replicas, err := c.ReplicaSets.ReplicaSets(target.Namespace).Get(ctx, set, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading replica set %s/%s: %w", target.Namespace, set, err)
	}
	if name := controller(replicas.OwnerReferences, "Deployment"); name != "" {
		return name, nil
	}
	return "", fmt.Errorf("pod %s/%s belongs to no Deployment", target.Namespace, target.Name)
}

func controller(owners []metav1.OwnerReference, kind string) string {
	for _, owner := range owners {
		if owner.Kind == kind && owner.Controller != nil && *owner.Controller {
			return owner.Name
		}
	}
	return ""
}
