package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
)

// Trust makes all nodes pull images of registryHost ("localhost:5001") from endpointURL ("http://172.18.0.1:40123"), plain
// HTTP included. It writes containerd's registry host file
// (https://github.com/containerd/containerd/blob/main/docs/hosts.md), which is read at each pull; nothing is restarted.
// An existing file of the host is replaced. Errors are joined and name their node.
func Trust(ctx context.Context, nodes []cluster.Node, registryHost, endpointURL string) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?$`).MatchString(registryHost) {
		return fmt.Errorf("trusting registry %q: not a host name with an optional port", registryHost)
	}
	endpoint, err := url.Parse(endpointURL)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" || strings.ContainsAny(endpointURL, "\"\\\n") {
		return fmt.Errorf("trusting registry %q: endpoint %q is not an http or https URL", registryHost, endpointURL)
	}
	file := fmt.Sprintf("server = %q\n\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", endpointURL, endpointURL)
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() {
			_, err := node.Exec(ctx, strings.NewReader(file), "sh", "-c", `mkdir -p "$1" && cat >"$1/hosts.toml"`, "sh", "/etc/containerd/certs.d/"+registryHost)
			if err != nil {
				errs[i] = fmt.Errorf("trusting registry %q in node %q: %w", registryHost, node.Name(), err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
