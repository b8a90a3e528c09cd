package enrichment

import (
	"context"
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// detect finds the properties of the subject. IsProduction is not among them: it follows from the classification.
func (s *search) detect(ctx context.Context, found subject) *v1alpha1.DetectedLabels {
	detected := &v1alpha1.DetectedLabels{
		HasResourceLimits: limited(found.pods),
		HelmManaged:       found.marked("helm.sh/chart", "meta.helm.sh/release-name") || found.has("app.kubernetes.io/managed-by", "Helm"),
		GitOpsManaged: found.marked("argocd.argoproj.io/instance", "argocd.argoproj.io/tracking-id",
			"kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name", "fluxcd.io/sync-checksum"),
		Stateful:    found.stateful(),
		ServiceMesh: mesh(found),
	}
	for _, detection := range []struct {
		name   string
		into   *bool
		detect func(context.Context, subject) (bool, error)
	}{
		{"hasPDB", &detected.HasPDB, s.hasPDB},
		{"hasHPA", &detected.HasHPA, s.hasHPA},
		{"networkIsolated", &detected.NetworkIsolated, s.isolated},
	} {
		holds, err := detection.detect(ctx, found)
		*detection.into = holds
		if s.tolerate(err) {
			detected.FailedDetections = append(detected.FailedDetections, detection.name)
		}
	}
	if found.ownersUnread {
		detected.FailedDetections = append(detected.FailedDetections, fromOwners(detected)...)
	}
	slices.Sort(detected.FailedDetections)
	detected.FailedDetections = slices.Compact(detected.FailedDetections)
	return detected
}

// fromOwners names the properties that an unread owner could still give.
func fromOwners(detected *v1alpha1.DetectedLabels) []string {
	var open []string
	for name, holds := range map[string]bool{
		"gitOpsManaged": detected.GitOpsManaged, "hasHPA": detected.HasHPA, "helmManaged": detected.HelmManaged, "stateful": detected.Stateful,
	} {
		if !holds {
			open = append(open, name)
		}
	}
	return open
}

// metas returns the metadata of the target, its owners and its pods.
func (found subject) metas() []metav1.Object {
	var all []metav1.Object
	for _, object := range found.objects {
		all = append(all, object)
	}
	if found.pods != nil {
		all = append(all, &found.pods.ObjectMeta)
	}
	return all
}

// marked reports whether one of the keys, by which tools mark what they manage, is there as a label or as an annotation.
func (found subject) marked(keys ...string) bool {
	return slices.ContainsFunc(found.metas(), func(meta metav1.Object) bool {
		return slices.ContainsFunc(keys, func(key string) bool {
			_, label := meta.GetLabels()[key]
			_, annotation := meta.GetAnnotations()[key]
			return label || annotation
		})
	})
}

func (found subject) has(key string, values ...string) bool {
	return slices.ContainsFunc(found.metas(), func(meta metav1.Object) bool {
		return slices.Contains(values, meta.GetLabels()[key]) || slices.Contains(values, meta.GetAnnotations()[key])
	})
}

// stateful: a StatefulSet, or pods that keep data in a volume claim.
func (found subject) stateful() bool {
	if slices.ContainsFunc(found.refs, func(ref v1alpha1.OwnerReference) bool { return ref.Kind == statefulSetKind }) {
		return true
	}
	return found.pods != nil && slices.ContainsFunc(found.pods.Spec.Volumes, func(volume corev1.Volume) bool {
		return volume.PersistentVolumeClaim != nil
	})
}

// limited: every container has a limit of processor time or of memory.
func limited(pods *corev1.PodTemplateSpec) bool {
	return pods != nil && len(pods.Spec.Containers) > 0 && !slices.ContainsFunc(pods.Spec.Containers, func(container corev1.Container) bool {
		return container.Resources.Limits.Cpu().IsZero() && container.Resources.Limits.Memory().IsZero()
	})
}

// mesh names the service mesh whose sidecar the pods have or ask for.
func mesh(found subject) string {
	switch {
	case found.marked("sidecar.istio.io/status") || found.has("sidecar.istio.io/inject", "true"):
		return "istio"
	case found.marked("linkerd.io/proxy-version") || found.has("linkerd.io/inject", "enabled", "ingress"):
		return "linkerd"
	default:
		return ""
	}
}

func (s *search) hasPDB(ctx context.Context, found subject) (bool, error) {
	if found.pods == nil {
		return false, nil
	}
	var budgets policyv1.PodDisruptionBudgetList
	if err := s.list(ctx, "PodDisruptionBudgets", &budgets); err != nil {
		return false, err
	}
	return slices.ContainsFunc(budgets.Items, func(budget policyv1.PodDisruptionBudget) bool {
		return selects(budget.Spec.Selector, found.pods)
	}), nil
}

func (s *search) hasHPA(ctx context.Context, found subject) (bool, error) {
	if found.pods == nil {
		return false, nil
	}
	var scalers autoscalingv2.HorizontalPodAutoscalerList
	if err := s.list(ctx, "HorizontalPodAutoscalers", &scalers); err != nil {
		return false, err
	}
	return slices.ContainsFunc(scalers.Items, func(scaler autoscalingv2.HorizontalPodAutoscaler) bool {
		scaled := scaler.Spec.ScaleTargetRef
		return slices.ContainsFunc(found.refs, func(ref v1alpha1.OwnerReference) bool {
			return ref.Kind == scaled.Kind && ref.Name == scaled.Name
		})
	}), nil
}

func (s *search) isolated(ctx context.Context, found subject) (bool, error) {
	if found.pods == nil {
		return false, nil
	}
	var policies networkingv1.NetworkPolicyList
	if err := s.list(ctx, "NetworkPolicies", &policies); err != nil {
		return false, err
	}
	return slices.ContainsFunc(policies.Items, func(policy networkingv1.NetworkPolicy) bool {
		return selects(&policy.Spec.PodSelector, found.pods)
	}), nil
}

func (s *search) list(ctx context.Context, kinds string, into client.ObjectList) error {
	if err := s.reader.List(ctx, into, client.InNamespace(s.target.Namespace)); err != nil {
		return fmt.Errorf("listing %s in %q: %w", kinds, s.target.Namespace, err)
	}
	return nil
}

// selects reports whether the selector fits the pods. A nil selector fits none, an empty one all; the API server admits no
// selector that does not parse.
func selects(selector *metav1.LabelSelector, pods *corev1.PodTemplateSpec) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(labels.Set(pods.Labels))
}
