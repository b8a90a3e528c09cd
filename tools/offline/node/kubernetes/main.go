// Command kubernetes is every program of a kind node in one binary; the name that
// it is called by selects one.
//
// The programs share nearly all of their packages: one binary is 162 MB where the
// nine are 650 MB, and the images of the control plane can share one layer.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // the images have no time zone files

	"github.com/coredns/coredns/coremain"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the metrics that the real programs register
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	// CoreDNS's server and the plugins of kubeadm's Corefile.
	_ "github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"

	// Its plugins for people who look for a fault.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/template"
	_ "github.com/coredns/coredns/plugin/whoami"
)

func main() {
	name := filepath.Base(os.Args[0])
	run, ok := programs()[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "kubernetes: error: no program %q in this binary\n", name)
		os.Exit(2)
	}
	os.Exit(run())
}

// programs return their exit status. A command is made only when it is run: each
// registers flags and feature gates for the whole process.
func programs() map[string]func() int {
	return map[string]func() int{
		"coredns":                 resolve,
		"etcd":                    store,
		"kube-apiserver":          func() int { return component(apiserver.NewAPIServerCommand()) },
		"kube-controller-manager": func() int { return component(manager.NewControllerManagerCommand()) },
		"kube-proxy":              func() int { return component(proxy.NewProxyCommand()) },
		"kube-scheduler":          func() int { return component(scheduler.NewSchedulerCommand()) },
		"kubelet":                 func() int { return component(kubelet.NewKubeletCommand(context.Background())) },
		"kubeadm":                 administer,
		"kubectl":                 control,
	}
}

// store is etcd with log segments of 8 MB. It writes one and keeps the next ready, which is 128 MB of a node's disk with
// etcd's own 64 MB; a cluster that lives for a test writes less than one.
func store() int {
	wal.SegmentSizeBytes = 8 << 20
	etcdmain.Main(os.Args)
	return 0
}

// resolve is CoreDNS.
func resolve() int {
	coremain.Run()
	return 0
}

func component(command *cobra.Command) int { return cli.Run(command) }

func administer() int {
	kubeadm.Run()
	return 0
}

// control prints its error itself, as kubectl does: cli.Run would add the usage.
func control() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
