package cli

import (
	"context"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// steps are the parts of a run that need a container engine. Tests of the order put something smaller in their place.
type steps struct {
	acquire func(context.Context, cluster.Config) (*held, error)
	load    func(context.Context, *node.Loader, []cluster.Node, []node.Image) (node.Result, error)
	relay   func(ctx context.Context, listenIP, target string) (addr string, stop func(), err error)
	trust   func(ctx context.Context, nodes []cluster.Node, host, endpoint string) error
	open    func(context.Context, deploy.Target, []deploy.Config) (site, error)
	test    func(context.Context, suite.Config) (suite.Result, error)
	statfs  func(path string) (disk.Space, error) // nil: disk.Statfs
}

// site is a deploy.Session.
type site interface {
	Apply(ctx context.Context, suite string) (deploy.Result, error)
	Remove(ctx context.Context, suite string) error
}

// held is a cluster.Lease, see there.
type held struct {
	name, kubeconfig, gateway string
	reused                    bool
	nodes                     []cluster.Node
	ports                     map[int32]int32

	release func(ctx context.Context, keep bool) error
	export  func(ctx context.Context, dir string) error
	folders func(ctx context.Context) []disk.Folder // what its nodes hold; nil: nothing to measure
}

func realSteps() steps {
	return steps{
		acquire: func(ctx context.Context, config cluster.Config) (*held, error) {
			lease, err := cluster.Acquire(ctx, config)
			if err != nil {
				return nil, err
			}
			return &held{
				name: lease.Name, kubeconfig: lease.Kubeconfig, gateway: lease.Gateway,
				reused: lease.Reused, nodes: lease.Nodes, ports: lease.Ports,
				release: lease.Release, export: lease.ExportLogs, folders: lease.Folders,
			}, nil
		},
		load: func(ctx context.Context, l *node.Loader, nodes []cluster.Node, images []node.Image) (node.Result, error) {
			return l.Load(ctx, nodes, images)
		},
		relay: cluster.Relay,
		trust: node.Trust,
		open: func(ctx context.Context, target deploy.Target, configs []deploy.Config) (site, error) {
			session, err := deploy.Open(ctx, target, configs)
			if err != nil {
				return nil, err // not a site with a nil session in it
			}
			return session, nil
		},
		test: suite.Run,
	}
}
