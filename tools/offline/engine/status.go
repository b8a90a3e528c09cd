package engine

import (
	"context"
	"fmt"
	"strings"
)

// Status is what there is now; asking changes nothing.
type Status struct {
	// Running is true when an engine answers.
	Running bool
	// PID is that of the dockerd which Ensure started; 0 when there is none.
	PID int
	// Version of the engine; empty when none answers.
	Version string
	// Uplinks are the devices of the default routes that containers are cut off from.
	Uplinks []string
	// Contained is true when every uplink's rule is in force.
	Contained bool
	// Gateway is the machine's address on clusters' network; empty without the network.
	Gateway string
	// Clusters are the names of the kind clusters, sorted.
	Clusters []string
}

// Status asks the engine and the packet filter. An engine that does not answer is
// no error.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	var status Status
	if pid, running := e.pid(); running {
		status.PID = pid
	}
	api, err := newClient(e.Host)
	if err != nil {
		return status, err
	}
	if api.ping(ctx) != nil {
		return status, nil
	}
	status.Running = true
	if err := status.ask(ctx, api); err != nil || !api.local {
		return status, err
	}
	if status.Uplinks, err = uplinks(ctx); err != nil {
		return status, err
	}
	rules, err := iptables(ctx, "-S")
	if err != nil {
		return status, err
	}
	status.Contained = true
	for _, link := range status.Uplinks {
		status.Contained = status.Contained && inForce(rules, link)
	}
	return status, nil
}

func (s *Status) ask(ctx context.Context, api *client) error {
	var version struct{ Version string }
	if _, err := api.do(ctx, "GET", "/version", nil, &version); err != nil {
		return err
	}
	s.Version = version.Version
	nodes, err := api.clusterNodes(ctx)
	if err != nil {
		return err
	}
	s.Clusters = clusterNames(nodes)
	net, err := api.network(ctx)
	if err == nil && net != nil && len(net.IPAM.Config) > 0 {
		s.Gateway = net.IPAM.Config[0].Gateway
	}
	return err
}

// String is for people: one line each on the engine, the containment and the clusters.
func (s Status) String() string {
	if !s.Running {
		return "container engine: not running"
	}
	owner := "started by somebody else"
	if s.PID != 0 {
		owner = fmt.Sprintf("started by this tool set, pid %d", s.PID)
	}
	contained := "NOT cut off from " + strings.Join(s.Uplinks, ", ")
	if s.Contained {
		contained = "cut off from " + strings.Join(s.Uplinks, ", ")
	}
	if len(s.Uplinks) == 0 {
		contained = "on another machine"
	}
	clusters := "none"
	if len(s.Clusters) > 0 {
		clusters = strings.Join(s.Clusters, ", ")
	}
	return fmt.Sprintf("container engine: %s, %s\ncontainers: %s\nclusters: %s", s.Version, owner, contained, clusters)
}
