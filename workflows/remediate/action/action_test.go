package action_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubernaut/kubernaut/workflows/remediate/action"
)

func owned(name, kind, owner string) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: name, Namespace: "shop"}
	if owner != "" {
		meta.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: new(true)}}
	}
	return meta
}

// cluster has the Deployment web with the containers web (64Mi) and proxy (no limit), its pod, and a pod of nobody's.
func cluster() *fake.Clientset {
	limits := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
	deployment := &appsv1.Deployment{ObjectMeta: owned("web", "", "")}
	deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Resources: corev1.ResourceRequirements{Limits: limits}}, {Name: "proxy"}}
	return fake.NewClientset(deployment,
		&appsv1.ReplicaSet{ObjectMeta: owned("web-1", "Deployment", "web")},
		&corev1.Pod{ObjectMeta: owned("web-1-a", "ReplicaSet", "web-1")},
		&corev1.Pod{ObjectMeta: owned("alone", "", "")},
	)
}

func run(ctx context.Context, kube *fake.Clientset, variables map[string]string) (string, error) {
	return action.Run(ctx, func(name string) string { return variables[name] }, func() (action.Cluster, error) {
		return action.Cluster{Deployments: kube.AppsV1(), ReplicaSets: kube.AppsV1(), Pods: kube.CoreV1()}, nil
	})
}

func read(t *testing.T, kube *fake.Clientset) corev1.PodTemplateSpec {
	t.Helper()
	deployment, err := kube.AppsV1().Deployments("shop").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return deployment.Spec.Template
}

func TestRestart(t *testing.T) {
	for _, target := range []string{"shop/Deployment/web", "shop/deployment/web", "shop/Pod/web-1-a"} {
		t.Run(target, func(t *testing.T) {
			kube := cluster()
			got, err := run(t.Context(), kube, map[string]string{"ACTION": "restart", "TARGET_RESOURCE": target})
			if err != nil || got != "restarted deployment shop/web" {
				t.Errorf("got %q and error %v", got, err)
			}
			stamp, err := time.Parse(time.RFC3339, read(t, kube).Annotations["kubectl.kubernetes.io/restartedAt"])
			if err != nil || time.Since(stamp) > time.Minute {
				t.Errorf("restarted at %v, error %v; want now", stamp, err)
			}
		})
	}
}

func TestIncreaseMemory(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      string
	}{
		"twice by default": {map[string]string{"ACTION": "increase-memory"}, "128Mi"},
		"by factor":        {map[string]string{"ACTION": "increase-memory", "FACTOR": "1.5", "CONTAINER": "web"}, "96Mi"},
		"to a limit":       {map[string]string{"MEMORY_LIMIT": "1Gi"}, "1Gi"},
		"within the cap":   {map[string]string{"MEMORY_LIMIT": "1Gi", "MEMORY_CAP": "100Mi"}, "100Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			kube := cluster()
			test.variables["TARGET_RESOURCE"] = "shop/Deployment/web"
			if _, err := run(t.Context(), kube, test.variables); err != nil {
				t.Fatal(err)
			}
			containers := read(t, kube).Spec.Containers
			if got := containers[0].Resources.Limits.Memory().String(); got != test.want || len(containers) != 2 {
				t.Errorf("got %s in %d containers, want %s in 2", got, len(containers), test.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const web = "shop/Deployment/web"
	for name, test := range map[string]struct {
		variables map[string]string
		want      string
	}{
		"no action":        {map[string]string{}, `ACTION must be restart, increase-memory or validate, got ""`},
		"unknown action":   {map[string]string{"ACTION": "reboot"}, `ACTION must be restart, increase-memory or validate, got "reboot"`},
		"no target":        {map[string]string{"ACTION": "restart"}, `TARGET_RESOURCE must be <namespace>/<kind>/<name>, got ""`},
		"cluster's target": {map[string]string{"ACTION": "restart", "TARGET_RESOURCE": "Node/n"}, `TARGET_RESOURCE must be <namespace>/<kind>/<name>, got "Node/n"`},
		"other kind":       {map[string]string{"ACTION": "restart", "TARGET_RESOURCE": "shop/Secret/s"}, "the target must be a Deployment or a pod of one, got Secret"},
		"lone pod":         {map[string]string{"ACTION": "validate", "TARGET_RESOURCE": "shop/Pod/alone"}, "pod shop/alone belongs to no Deployment"},
		"absent": {map[string]string{"ACTION": "validate", "TARGET_RESOURCE": "shop/Deployment/db"},
			`reading deployment shop/db: deployments.apps "db" not found`},
		"factor":       {map[string]string{"ACTION": "increase-memory", "TARGET_RESOURCE": web, "FACTOR": "0.5"}, `FACTOR must be a number above 1 and up to 10, got "0.5"`},
		"no number":    {map[string]string{"ACTION": "increase-memory", "TARGET_RESOURCE": web, "FACTOR": "NaN"}, `FACTOR must be a number above 1 and up to 10, got "NaN"`},
		"memory limit": {map[string]string{"TARGET_RESOURCE": web, "MEMORY_LIMIT": "much"}, `MEMORY_LIMIT must be an amount such as 512Mi, got "much"`},
		"lower": {map[string]string{"TARGET_RESOURCE": web, "MEMORY_LIMIT": "32Mi"},
			"container web of deployment shop/web has a memory limit of 64Mi, which 32Mi does not raise"},
		"unlimited": {map[string]string{"ACTION": "increase-memory", "TARGET_RESOURCE": web, "CONTAINER": "proxy"}, "container proxy of deployment shop/web has no memory limit"},
		"no such container": {map[string]string{"ACTION": "increase-memory", "TARGET_RESOURCE": web, "CONTAINER": "db"},
			`deployment shop/web has no container "db"`},
		"exit code": {map[string]string{"ACTION": "fail", "EXIT_CODE": "0"}, `EXIT_CODE must be a whole number from 1 to 255, got "0"`},
		"duration":  {map[string]string{"ACTION": "sleep"}, `DURATION must be a duration such as 30s, got ""`},
		"amount":    {map[string]string{"ACTION": "allocate", "MEMORY": "-1"}, `MEMORY must be an amount such as 128Mi, got "-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			kube := cluster()
			_, err := run(t.Context(), kube, test.variables)
			if err == nil || err.Error() != test.want {
				t.Errorf("got error %v, want %s", err, test.want)
			}
			if diff := cmp.Diff(read(t, cluster()), read(t, kube)); diff != "" {
				t.Errorf("the Deployment was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestActionsWithoutACluster(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      string
		code      int
	}{
		"succeed":            {map[string]string{"ACTION": "succeed"}, "succeeded, as asked", 0},
		"sleep":              {map[string]string{"ACTION": "sleep", "DURATION": "1ms"}, "slept for 1ms", 0},
		"allocate":           {map[string]string{"ACTION": "allocate", "MEMORY": "1Mi"}, "used 1048576 bytes of memory", 0},
		"allocate and hold":  {map[string]string{"ACTION": "allocate", "MEMORY": "1Mi", "DURATION": "1ms"}, "used 1048576 bytes of memory", 0},
		"fail":               {map[string]string{"ACTION": "fail"}, "", 1},
		"fail with its code": {map[string]string{"ACTION": "fail", "EXIT_CODE": "42"}, "", 42},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := run(t.Context(), nil, test.variables)
			var exit action.Exit
			errors.As(err, &exit)
			if got != test.want || exit.Code != test.code || (err != nil) != (test.code != 0) {
				t.Errorf("got %q, code %d and error %v, want %q and code %d", got, exit.Code, err, test.want, test.code)
			}
		})
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"sleep", "allocate"} {
		if _, err := run(ctx, nil, map[string]string{"ACTION": name, "MEMORY": "1Mi", "DURATION": "1h"}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"shop/Deployment/web", "Node/n", "", "a/b/c/d", "//", "a//c", "\x00/\xff/é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := action.ParseTarget(text)
		if err == nil && (target.Namespace == "" || target.Kind == "" || target.Name == "" || target.Namespace+"/"+target.Kind+"/"+target.Name != text) {
			t.Errorf("%q: got %+v", text, target)
		}
	})
}
