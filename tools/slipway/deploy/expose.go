package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const companionSuffix = "-e2e"

// checkExpose reports exposed Services and ports that the manifests do not have.
func checkExpose(config Config, objects []object) error {
	var errs []error
	for _, e := range config.Expose {
		_, _, err := target(config, objects, e)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// target returns the exposed Service and its port.
func target(config Config, objects []object, e plan.Expose) (*corev1.Service, corev1.ServicePort, error) {
	var names []string
	for _, o := range objects {
		if o.class() != service || namespaceOf(o, config.platform()) != config.platform() {
			continue
		}
		names = append(names, o.GetName())
		if o.GetName() != e.Service {
			continue
		}
		var s corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &s); err != nil {
			return nil, corev1.ServicePort{}, fmt.Errorf("%s: reading %s: %w", o.where, o.name(), err)
		}
		return findPort(o, &s, e)
	}
	return nil, corev1.ServicePort{}, fmt.Errorf("exposing service %q as %s: the manifests have no such service; they have %s",
		e.Service, e.Env, listing(names))
}

func findPort(o object, s *corev1.Service, e plan.Expose) (*corev1.Service, corev1.ServicePort, error) {
	var names []string
	for _, port := range s.Spec.Ports {
		if port.Name == e.Port {
			return s, port, nil
		}
		names = append(names, port.Name)
	}
	return nil, corev1.ServicePort{}, fmt.Errorf("%s: exposing %s as %s: it has no port %q; it has %s",
		o.where, o.name(), e.Env, e.Port, listing(names))
}

func listing(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// assign gives all exposed ports of all suites their node ports.
func (c *cluster) assign(ctx context.Context, pool map[int32]int32, members []*member) error {
	services, err := c.typed.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	return allocate(pool, members, services.Items)
}

// claim is a companion's port.
type claim struct{ namespace, service, port string }

func (c claim) compare(other claim) int {
	return cmp.Or(cmp.Compare(c.namespace, other.namespace), cmp.Compare(c.service, other.service), cmp.Compare(c.port, other.port))
}

// allocate gives every exposed port a node port of the pool. A companion that exists keeps its ports, so that a repeated
// run changes nothing; the others get the lowest free ones in the order of namespace, service and port.
func allocate(pool map[int32]int32, members []*member, existing []corev1.Service) error {
	used := map[int32]bool{}
	assigned := map[claim]int32{}
	for _, s := range existing {
		for _, port := range s.Spec.Ports {
			used[port.NodePort] = true
			if pool[port.NodePort] != 0 {
				assigned[claim{s.Namespace, s.Name, port.Name}] = port.NodePort
			}
		}
	}
	free := slices.DeleteFunc(slices.Sorted(maps.Keys(pool)), func(port int32) bool { return used[port] })
	for _, wanted := range claims(members) {
		if _, kept := assigned[wanted]; kept {
			continue
		}
		if len(free) == 0 {
			return fmt.Errorf("exposing service %q: all %d node ports of the cluster are taken", strings.TrimSuffix(wanted.service, companionSuffix), len(pool))
		}
		assigned[wanted], free = free[0], free[1:]
	}
	for _, m := range members {
		m.nodePorts = map[plan.Expose]int32{}
		for _, e := range m.config.Expose {
			m.nodePorts[e] = assigned[m.claim(e)]
		}
	}
	return nil
}

func (m *member) claim(e plan.Expose) claim {
	return claim{m.config.platform(), e.Service + companionSuffix, e.Port}
}

// claims are sorted and each there once.
func claims(members []*member) []claim {
	var all []claim
	for _, m := range members {
		for _, e := range m.config.Expose {
			all = append(all, m.claim(e))
		}
	}
	slices.SortFunc(all, claim.compare)
	return slices.Compact(all)
}

// companions makes one NodePort Service for each exposed Service, and the environment that leads to them.
func companions(m *member, pool map[int32]int32) ([]object, map[string]string, error) {
	env := map[string]string{}
	specs := map[string]map[string]any{}
	byPort := func(a, b plan.Expose) int { return cmp.Compare(m.nodePorts[a], m.nodePorts[b]) }
	for _, e := range slices.SortedFunc(maps.Keys(m.nodePorts), byPort) {
		s, port, err := target(m.config, m.objects, e)
		if err != nil {
			return nil, nil, fault.New(fault.Usage, err)
		}
		env[e.Env] = fmt.Sprintf("http://127.0.0.1:%d", pool[m.nodePorts[e]])
		spec := specs[e.Service]
		if spec == nil {
			spec = map[string]any{"type": string(corev1.ServiceTypeNodePort), "selector": toAny(s.Spec.Selector), "ports": []any{}}
			specs[e.Service] = spec
		}
		spec["ports"] = addPort(spec["ports"].([]any), port, m.nodePorts[e])
	}
	var made []object
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		o := newObject("v1", "Service", m.config.platform(), name+companionSuffix, "the companion of service/"+name, map[string]any{"spec": specs[name]})
		mark(o, m.config)
		made = append(made, o)
	}
	return made, env, nil
}

// addPort adds the port unless another variable exposes it already.
func addPort(ports []any, port corev1.ServicePort, nodePort int32) []any {
	for _, p := range ports {
		if p.(map[string]any)["nodePort"] == int64(nodePort) {
			return ports
		}
	}
	added := map[string]any{
		"name": port.Name, "port": int64(port.Port), "nodePort": int64(nodePort),
		"protocol": string(cmp.Or(port.Protocol, corev1.ProtocolTCP)),
	}
	switch {
	case port.TargetPort.StrVal != "":
		added["targetPort"] = port.TargetPort.StrVal
	case port.TargetPort.IntVal != 0:
		added["targetPort"] = int64(port.TargetPort.IntVal)
	}
	return append(ports, added)
}

func toAny(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
