package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func nodePortService(namespace, name, port string, nodePort int32) corev1.Service {
	return corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: port, NodePort: nodePort}}},
	}
}

func TestAllocate(t *testing.T) {
	gateway := plan.Expose{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}
	metrics := plan.Expose{Service: "gateway", Port: "metrics", Env: "METRICS_URL"}
	data := plan.Expose{Service: "data-storage-service", Port: "http", Env: "DATA_STORAGE_URL"}
	again := plan.Expose{Service: "gateway", Port: "http", Env: "AGAIN_URL"}
	pool := map[int32]int32{30000: 41000, 30001: 41001, 30002: 41002}
	for _, tc := range []struct {
		name     string
		expose   []plan.Expose
		existing []corev1.Service
		want     map[plan.Expose]int32
		err      string
	}{
		{name: "none", want: map[plan.Expose]int32{}},
		{name: "sorted", expose: []plan.Expose{metrics, gateway, data}, want: map[plan.Expose]int32{data: 30000, gateway: 30001, metrics: 30002}},
		{
			name: "existing keeps its port", expose: []plan.Expose{gateway, data},
			existing: []corev1.Service{nodePortService("kubernaut-system", "gateway-e2e", "http", 30000)},
			want:     map[plan.Expose]int32{gateway: 30000, data: 30001},
		},
		{
			name: "existing outside the pool moves", expose: []plan.Expose{gateway},
			existing: []corev1.Service{nodePortService("kubernaut-system", "gateway-e2e", "http", 31000)},
			want:     map[plan.Expose]int32{gateway: 30000},
		},
		{
			name: "taken by another", expose: []plan.Expose{gateway},
			existing: []corev1.Service{nodePortService("other", "gateway-e2e", "http", 30000)},
			want:     map[plan.Expose]int32{gateway: 30001},
		},
		{name: "one port, two variables", expose: []plan.Expose{gateway, again}, want: map[plan.Expose]int32{gateway: 30000, again: 30000}},
		{
			name: "exhausted", expose: []plan.Expose{gateway, data},
			existing: []corev1.Service{nodePortService("other", "a", "", 30000), nodePortService("other", "b", "", 30001)},
			err:      `exposing service "gateway": all 3 node ports of the cluster are taken`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := testConfig()
			config.Expose = tc.expose
			m := &member{config: config}
			err := allocate(pool, []*member{m}, tc.existing)
			if (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Fatalf("error: got %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, m.nodePorts); diff != "" {
				t.Errorf("node ports (-want +got):\n%s", diff)
			}
		})
	}
}

// Suites that run at the same time share the pool.
func TestAllocateForTwoSuites(t *testing.T) {
	e := plan.Expose{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}
	var members []*member
	for _, suite := range []string{"b", "a"} {
		members = append(members, &member{config: Config{Suite: suite, Namespace: "sys", Copied: true, Expose: []plan.Expose{e}}})
	}
	existing := []corev1.Service{nodePortService("sys-b", "gateway-e2e", "http", 30000)}
	if err := allocate(map[int32]int32{30000: 41000, 30001: 41001}, members, existing); err != nil {
		t.Fatal(err)
	}
	if got := []int32{members[0].nodePorts[e], members[1].nodePorts[e]}; !cmp.Equal(got, []int32{30000, 30001}) {
		t.Errorf("node ports of b and a: got %v, want 30000 kept and 30001", got)
	}
}

func TestAddresses(t *testing.T) {
	service := func(ip, selected string, ports ...corev1.ServicePort) corev1.Service {
		s := corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: ip, Ports: ports}}
		if selected != "" {
			s.Spec.Selector = map[string]string{"app": selected}
		}
		return s
	}
	got := addresses([]corev1.Service{
		service("10.0.0.2", "a", corev1.ServicePort{Port: 443, Protocol: corev1.ProtocolTCP}, corev1.ServicePort{Port: 53, Protocol: corev1.ProtocolUDP}),
		service("None", "a", corev1.ServicePort{Port: 80}), service("10.0.0.3", "", corev1.ServicePort{Port: 80}),
		service("10.0.0.1", "b", corev1.ServicePort{Port: 80}),
	})
	if diff := cmp.Diff([]string{"10.0.0.1:80", "10.0.0.2:443"}, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestCompanions(t *testing.T) {
	config := testConfig(gatewayYAML)
	objects, err := render(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{config: config, objects: objects, nodePorts: map[plan.Expose]int32{
		{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}:    30000,
		{Service: "gateway", Port: "http", Env: "AGAIN_URL"}:      30000,
		{Service: "gateway", Port: "metrics", Env: "METRICS_URL"}: 30001,
	}}
	made, env, err := companions(m, map[int32]int32{30000: 41000, 30001: 41001})
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{
			"name": "gateway-e2e", "namespace": "kubernaut-system", "labels": map[string]any{suiteLabel: "gateway"},
		},
		"spec": map[string]any{
			"type": "NodePort", "selector": map[string]any{"app": "gateway"},
			"ports": []any{
				map[string]any{"name": "http", "port": int64(80), "targetPort": "http", "nodePort": int64(30000), "protocol": "TCP"},
				map[string]any{"name": "metrics", "port": int64(9090), "nodePort": int64(30001), "protocol": "TCP"},
			},
		},
	}}
	var got []map[string]any
	for _, o := range made {
		got = append(got, o.Object)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("companions (-want +got):\n%s", diff)
	}
	urls := map[string]string{
		"GATEWAY_URL": "http://127.0.0.1:41000", "AGAIN_URL": "http://127.0.0.1:41000", "METRICS_URL": "http://127.0.0.1:41001",
	}
	if diff := cmp.Diff(urls, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
