package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

const (
	healthTimeout  = 4 * time.Second        // a cluster to reuse must answer within it
	settleTimeout  = 180 * time.Second      // for all nodes, CoreDNS and the default ServiceAccount: 20 s on an idle machine
	settleInterval = 250 * time.Millisecond // between two looks
)

// connect returns a client of the kubeconfig's API server.
func connect(kubeconfig string, timeout time.Duration) (*rest.Config, *kubernetes.Clientset, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("reading kubeconfig %q: %w", kubeconfig, err)
	}
	cfg.Timeout = timeout
	cfg.QPS, cfg.Burst = 50, 100
	client, err := kubernetes.NewForConfig(cfg)
	return cfg, client, err
}

// healthy returns nil when the API server says that it is ready, within healthTimeout.
func healthy(ctx context.Context, kubeconfig string) error {
	_, client, err := connect(kubeconfig, healthTimeout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// settle waits until all nodes are ready, names resolve and pods get their ServiceAccount. CoreDNS becomes ready 5 to
// 13 s after the nodes; what is deployed before fails on its first lookups.
func settle(ctx context.Context, kubeconfig string, nodes int) error {
	_, client, err := connect(kubeconfig, healthTimeout)
	if err != nil {
		return err
	}
	deadline, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		missing := unsettled(deadline, client, nodes)
		if missing == nil {
			return nil
		}
		select {
		case <-deadline.Done():
			err := fmt.Errorf("waiting for the cluster (%s): %w", settleTimeout, errors.Join(missing, ctx.Err()))
			return fault.New(fault.Delivery, err, inotifyHint("/proc/sys/fs/inotify/max_user_instances")...)
		case <-time.After(settleInterval):
		}
	}
}

// inotifyInstances is what a few nodes on one machine need; many systems allow 128, and then kube-proxy ends with "too many
// open files" (https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files).
const inotifyInstances = 512

// inotifyHint is the likely cause of a cluster that does not settle, nil when the limit is high enough or unknown.
func inotifyHint(path string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || limit >= inotifyInstances {
		return nil
	}
	return []string{fmt.Sprintf("sudo sysctl fs.inotify.max_user_instances=%d", inotifyInstances)}
}

// unsettled names the first thing that is not ready.
func unsettled(ctx context.Context, client kubernetes.Interface, want int) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	ready := 0
	for i := range nodes.Items {
		if nodeReady(&nodes.Items[i]) {
			ready++
		}
	}
	if ready < want {
		return fmt.Errorf("%d of %d nodes are ready", ready, want)
	}
	dns, err := client.AppsV1().Deployments("kube-system").Get(ctx, "coredns", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("looking for CoreDNS: %w", err)
	}
	if !available(dns) {
		return errors.New("CoreDNS is not ready")
	}
	_, err = client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err
}

func nodeReady(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// available is true with the first replica: it serves all names.
func available(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration >= d.Generation && d.Status.AvailableReplicas > 0
}
