package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// podLogLines is how much of one container's log is kept, its end. A limit in bytes would keep the beginning.
const podLogLines = 100_000

// noise are the namespaces that every kind cluster has; their pods are the nodes' business.
func noise(namespace string) bool {
	return slices.Contains([]string{"kube-system", "kube-public", "kube-node-lease", "local-path-storage"}, namespace)
}

// exportObjects writes what the API server knows.
func exportObjects(ctx context.Context, kubeconfig, dir string) error {
	cfg, client, err := connect(kubeconfig, 20*time.Second)
	if err != nil {
		return err
	}
	objects, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	return errors.Join(
		exportPods(ctx, client, filepath.Join(dir, "pods")),
		exportEvents(ctx, client, filepath.Join(dir, "events.txt")),
		dump(ctx, client.Discovery(), objects, filepath.Join(dir, "objects")))
}

func exportPods(ctx context.Context, client kubernetes.Interface, dir string) error {
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	var errs []error
	for i := range pods.Items {
		if pod := &pods.Items[i]; !noise(pod.Namespace) {
			errs = append(errs, exportPod(ctx, client, pod, filepath.Join(dir, pod.Namespace, pod.Name)))
		}
	}
	return errors.Join(errs...)
}

func exportPod(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, dir string) error {
	var errs []error
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses) {
		if c.ContainerID != "" { // else it has never started and has no log
			errs = append(errs, exportContainer(ctx, client, pod, c.Name, false, filepath.Join(dir, c.Name+".log")))
		}
		if c.RestartCount > 0 {
			errs = append(errs, exportContainer(ctx, client, pod, c.Name, true, filepath.Join(dir, c.Name+".previous.log")))
		}
	}
	return errors.Join(errs...)
}

func exportContainer(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, name string, previous bool, path string) error {
	lines := int64(podLogLines)
	data, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name,
		&corev1.PodLogOptions{Container: name, Previous: previous, Timestamps: true, TailLines: &lines}).Do(ctx).Raw()
	if err != nil {
		return fmt.Errorf("reading log of %s/%s/%s: %w", pod.Namespace, pod.Name, name, err)
	}
	return writeFile(path, data)
}

func exportEvents(ctx context.Context, client kubernetes.Interface, path string) error {
	list, err := client.CoreV1().Events("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing events: %w", err)
	}
	sort.SliceStable(list.Items, func(i, j int) bool { return seen(&list.Items[i]).Before(seen(&list.Items[j])) })
	var out bytes.Buffer
	for i := range list.Items {
		e := &list.Items[i]
		fmt.Fprintf(&out, "%s %-7s %s/%s %s: %s (x%d)\n", seen(e).UTC().Format(time.RFC3339), e.Type, e.InvolvedObject.Namespace,
			e.InvolvedObject.Kind+"/"+e.InvolvedObject.Name, e.Reason, e.Message, max(e.Count, 1))
	}
	return writeFile(path, out.Bytes())
}

// seen is the last time of an event, in whichever field its author put it.
func seen(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// dump writes one YAML stream for each namespace and resource. Partial discovery (a broken aggregated API) is used as far
// as it goes.
func dump(ctx context.Context, discover discovery.DiscoveryInterface, objects dynamic.Interface, dir string) error {
	lists, err := discover.ServerPreferredResources()
	errs := []error{err}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		errs = append(errs, err)
		for _, r := range list.APIResources {
			if wanted(group.Group, r) {
				errs = append(errs, dumpResource(ctx, objects, group.WithResource(r.Name), r.Namespaced, dir))
			}
		}
	}
	return errors.Join(errs...)
}

// wanted leaves out Secrets, what is exported elsewhere, and what every cluster has.
func wanted(group string, r metav1.APIResource) bool {
	if !slices.Contains(r.Verbs, "list") {
		return false
	}
	if r.Namespaced {
		return !slices.Contains([]string{"secrets", "events", "endpoints", "controllerrevisions"}, r.Name)
	}
	return group == "" && slices.Contains([]string{"nodes", "namespaces", "persistentvolumes"}, r.Name) ||
		slices.Contains([]string{"customresourcedefinitions", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"}, r.Name)
}

func dumpResource(ctx context.Context, objects dynamic.Interface, resource schema.GroupVersionResource, namespaced bool, dir string) error {
	list, err := objects.Resource(resource).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing %s: %w", resource.GroupResource(), err)
	}
	streams := make(map[string][]byte)
	var errs []error
	for i := range list.Items {
		folder := "_cluster"
		if namespaced {
			folder = list.Items[i].GetNamespace()
		}
		if noise(folder) {
			continue
		}
		data, err := document(&list.Items[i])
		errs = append(errs, err)
		streams[folder] = append(streams[folder], data...)
	}
	for folder, data := range streams {
		errs = append(errs, writeFile(filepath.Join(dir, folder, resource.GroupResource().String()+".yaml"), data))
	}
	return errors.Join(errs...)
}

func document(object *unstructured.Unstructured) ([]byte, error) {
	object.SetManagedFields(nil)
	data, err := yaml.Marshal(object.Object)
	return append([]byte("---\n"), data...), err
}
