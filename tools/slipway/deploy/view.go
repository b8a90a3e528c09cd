package deploy

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// view is a local copy of a wait's objects and of the pods beside them, which watches keep current. Looking at it costs the
// API server nothing, however many suites wait at a time.
type view struct {
	objects map[string]cache.SharedIndexInformer // by place
	pods    map[string]cache.SharedIndexInformer // by namespace

	replaced map[types.UID]bool // pods on their way out; of the waiting goroutine alone

	mu     sync.Mutex
	denied error // the API server refuses to tell; connection errors end by themselves
}

// watch begins to watch and ends with ctx.
func (c *cluster) watch(ctx context.Context, objects []object) (*view, error) {
	v := &view{objects: map[string]cache.SharedIndexInformer{}, pods: map[string]cache.SharedIndexInformer{}, replaced: map[types.UID]bool{}}
	for _, o := range objects {
		mapping, err := c.mapping(o.GroupVersionKind())
		if err != nil {
			return nil, fmt.Errorf("%s: finding the kind of %s: %w", o.where, o.name(), err)
		}
		if v.objects[place(o)] == nil {
			v.objects[place(o)] = dynamicinformer.NewFilteredDynamicInformer(c.dynamic, mapping.Resource, o.GetNamespace(), 0, nil, nil).Informer()
		}
		if ns := o.GetNamespace(); ns != "" && v.pods[ns] == nil {
			list := cache.NewListWatchFromClient(c.typed.CoreV1().RESTClient(), "pods", ns, fields.Everything())
			v.pods[ns] = cache.NewSharedIndexInformer(list, &corev1.Pod{}, 0, nil)
		}
	}
	for _, informers := range []map[string]cache.SharedIndexInformer{v.objects, v.pods} {
		for _, informer := range informers {
			if err := informer.SetWatchErrorHandlerWithContext(v.failed); err != nil {
				return nil, err
			}
			go informer.RunWithContext(ctx)
		}
	}
	return v, nil
}

// place is what one watch covers.
func place(o object) string { return o.GroupVersionKind().String() + " " + o.GetNamespace() }

// failed takes the place of a handler that logs to stderr.
func (v *view) failed(_ context.Context, _ *cache.Reflector, err error) {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.denied = err
	}
}

func (v *view) err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.denied
}

// synced reports whether the view has seen everything once.
func (v *view) synced() bool {
	for _, informers := range []map[string]cache.SharedIndexInformer{v.objects, v.pods} {
		for _, informer := range informers {
			if !informer.HasSynced() {
				return false
			}
		}
	}
	return true
}

// live returns the object as it is now, or nil. It is shared: nobody may change it.
func (v *view) live(o object) *unstructured.Unstructured {
	name := o.GetName()
	if ns := o.GetNamespace(); ns != "" {
		name = ns + "/" + name
	}
	found, _, _ := v.objects[place(o)].GetStore().GetByKey(name)
	live, _ := found.(*unstructured.Unstructured)
	return live
}

// podsOf returns the workload's pods that are to stay, newest first.
func (v *view) podsOf(o object) []corev1.Pod {
	informer := v.pods[o.GetNamespace()]
	selector := podSelector(o)
	if informer == nil || selector == nil && o.GetKind() != "Pod" {
		return nil
	}
	var pods []corev1.Pod
	for _, item := range informer.GetStore().List() {
		pod := item.(*corev1.Pod)
		if pod.DeletionTimestamp != nil || v.replaced[pod.UID] {
			continue
		}
		if selector == nil && pod.Name == o.GetName() || selector != nil && selector.Matches(labels.Set(pod.Labels)) {
			pods = append(pods, *pod)
		}
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	return pods
}

// podSelector returns nil for workloads without pods of their own, such as a CronJob, and for a Pod.
func podSelector(o object) labels.Selector {
	if o.GetKind() == "Job" {
		return labels.SelectorFromSet(labels.Set{"batch.kubernetes.io/job-name": o.GetName()})
	}
	content, _, _ := unstructured.NestedMap(o.Object, "spec", "selector")
	var selector metav1.LabelSelector
	if err := fromUnstructured(content, &selector); err != nil || len(content) == 0 {
		return nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || parsed.Empty() {
		return nil
	}
	return parsed
}
