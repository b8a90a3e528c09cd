package enrichment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// maxOwners ends a chain of owners that a mistaken object would make endless.
const maxOwners = 10

// subject is what the detections look at.
type subject struct {
	// pods is the form of the target's pods; nil when the target has none.
	pods *corev1.PodTemplateSpec
	// objects are the target and its owners as far as they could be read, from the target up.
	objects []client.Object
	// refs name the target and all its owners.
	refs []v1alpha1.OwnerReference
	// ownersUnread says that an owner exists and could not be read.
	ownersUnread bool
}

func (s *search) subject(ctx context.Context, object client.Object) subject {
	found := subject{pods: template(object), objects: []client.Object{object}}
	found.refs = []v1alpha1.OwnerReference{{Kind: s.target.Kind, Name: s.target.Name, Namespace: s.target.Namespace}}
	s.climb(ctx, object, &found)
	s.context.OwnerChain = append([]v1alpha1.OwnerReference(nil), found.refs[1:]...)
	if service, ok := object.(*corev1.Service); ok {
		s.behind(ctx, service, &found)
	}
	return found
}

// climb adds the object's controllers and describes them.
func (s *search) climb(ctx context.Context, object client.Object, found *subject) {
	for range maxOwners {
		ref := metav1.GetControllerOf(object)
		if ref == nil {
			return
		}
		owner := v1alpha1.OwnerReference{Kind: ref.Kind, Name: ref.Name}
		if ref.Kind != nodeKind {
			owner.Namespace = object.GetNamespace()
		}
		found.refs = append(found.refs, owner)
		if object = newObject(ref.Kind); object == nil {
			return // an owner of a kind that is not read ends the chain
		}
		if err := s.get(ctx, ref.Kind, ref.Name, object); err != nil {
			found.ownersUnread = s.tolerate(err)
			return
		}
		found.objects = append(found.objects, object)
		describe(s.context, object)
	}
}

// behind makes one of the Service's pods, and its owners, part of the subject. They are no owners of the Service.
func (s *search) behind(ctx context.Context, service *corev1.Service, found *subject) {
	if len(service.Spec.Selector) == 0 {
		return
	}
	var pods corev1.PodList
	err := s.reader.List(ctx, &pods, client.InNamespace(service.Namespace), client.MatchingLabels(service.Spec.Selector))
	if err != nil {
		found.ownersUnread = s.tolerate(fmt.Errorf("listing the pods of Service %q: %w", service.Name, err))
		return
	}
	if len(pods.Items) == 0 {
		return
	}
	first := slices.MinFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	found.pods = template(&first)
	found.objects = append(found.objects, &first)
	s.climb(ctx, &first, found)
}

// template returns the form of the object's pods, or nil.
func template(object client.Object) *corev1.PodTemplateSpec {
	switch typed := object.(type) {
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: typed.ObjectMeta, Spec: typed.Spec}
	case *appsv1.Deployment:
		return &typed.Spec.Template
	case *appsv1.StatefulSet:
		return &typed.Spec.Template
	case *appsv1.DaemonSet:
		return &typed.Spec.Template
	case *appsv1.ReplicaSet:
		return &typed.Spec.Template
	case *batchv1.Job:
		return &typed.Spec.Template
	default:
		return nil
	}
}
