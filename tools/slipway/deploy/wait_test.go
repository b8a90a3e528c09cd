package deploy

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// A pod that crashed before this run would be tried again only after minutes.
func TestRestart(t *testing.T) {
	crashed := recorded(t, "crash_loop")
	crashed.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "gateway"}}
	end := crashed.Status.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt.Time
	for _, tc := range []struct {
		name   string
		before time.Time
		change func(*corev1.Pod)
		want   []string
	}{
		{"crashed before", end.Add(time.Second), func(*corev1.Pod) {}, []string{"DELETE /api/v1/namespaces/kubernaut-system-badarg/pods/gateway-7d886d986b-hmdvj"}},
		{"crashed since", end.Add(-time.Second), func(*corev1.Pod) {}, nil},
		{"nobody makes a new one", end.Add(time.Second), func(p *corev1.Pod) { p.OwnerReferences = nil }, nil},
		{"ready", end.Add(time.Second), func(p *corev1.Pod) { p.Status = recorded(t, "ready").Status }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := *crashed.DeepCopy()
			tc.change(&pod)
			var calls []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls = append(calls, r.Method+" "+r.URL.Path)
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Success"}`))
			}))
			defer server.Close()
			client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			pods := cache.NewSharedIndexInformer(&cache.ListWatch{}, &corev1.Pod{}, 0, nil)
			if err := pods.GetStore().Add(&pod); err != nil {
				t.Fatal(err)
			}
			w := waiter{cluster: &cluster{typed: client}, view: &view{
				pods: map[string]cache.SharedIndexInformer{pod.Namespace: pods}, replaced: map[types.UID]bool{},
			}}
			gateway := newObject("apps/v1", "Deployment", pod.Namespace, "gateway", "", map[string]any{"spec": map[string]any{
				"selector": map[string]any{"matchLabels": map[string]any{"app.kubernetes.io/name": "gateway"}},
			}})
			w.restart(t.Context(), []object{gateway}, tc.before)
			if diff := cmp.Diff(tc.want, calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if got := len(w.view.podsOf(gateway)); (got == 0) != (tc.want != nil) {
				t.Errorf("pods that count: got %d", got)
			}
		})
	}
}

// What the watch shows may be older than what was just applied: it was ready then, and is not now.
func TestStateOlderThanTheApplied(t *testing.T) {
	live := newObject("apps/v1", "Deployment", "sys", "a", "", map[string]any{
		"spec": map[string]any{"replicas": int64(0)}, "status": map[string]any{
			"observedGeneration": int64(1), "conditions": []any{map[string]any{"type": "Available", "status": "True"}},
		},
	})
	live.SetGeneration(1)
	live.SetUID("u1")
	for _, tc := range []struct {
		applied version
		want    string
	}{
		{version{"u1", 1}, "Current"}, {version{"u1", 2}, "Unknown"}, {version{"u2", 1}, "Unknown"},
	} {
		var c cluster
		c.applied.Store(key(live), tc.applied)
		got, err := c.state(live, live.Unstructured)
		if err != nil || got.Status.String() != tc.want {
			t.Errorf("applied %+v: got %v, %v; want %s", tc.applied, got, err, tc.want)
		}
	}
	if got, err := new(cluster).state(live, nil); err != nil || got.Status.String() != "NotFound" {
		t.Errorf("absent: got %v, %v", got, err)
	}
}
