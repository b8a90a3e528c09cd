package deploy

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reach waits until the suite's Services answer in the nodes. One that does not is a warning: its pods may be the test's to
// make.
func (s *Session) reach(ctx context.Context, m *member) error {
	if s.target.Reach == nil {
		return nil
	}
	var services []corev1.Service
	for _, ns := range m.namespaces {
		list, err := s.cluster.typed.CoreV1().Services(ns).List(ctx, metav1.ListOptions{LabelSelector: suiteLabel + "=" + m.config.Suite})
		if err != nil {
			return fmt.Errorf("listing services: %w", err)
		}
		services = append(services, list.Items...)
	}
	unreachable, err := s.target.Reach(ctx, addresses(services))
	if err != nil {
		return err
	}
	if len(unreachable) > 0 {
		m.config.Progress.Line("warning: nothing answers at the services' addresses %s", strings.Join(unreachable, ", "))
	}
	return nil
}

// addresses returns the "ip:port" of the Services that lead to pods, sorted.
func addresses(services []corev1.Service) []string {
	var all []string
	for _, service := range services {
		if ip := net.ParseIP(service.Spec.ClusterIP); ip == nil || len(service.Spec.Selector) == 0 {
			continue // headless, or with endpoints of its own
		}
		for _, port := range service.Spec.Ports {
			if cmp.Or(port.Protocol, corev1.ProtocolTCP) == corev1.ProtocolTCP {
				all = append(all, net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(port.Port))))
			}
		}
	}
	slices.Sort(all)
	return all
}
