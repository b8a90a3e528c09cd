package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// connectScript tries each address until it answers, all at once and for 10 s, and prints those that do not.
const connectScript = `for a; do (
  for i in {1..100}; do (exec 3<>"/dev/tcp/${a%:*}/${a##*:}") 2>/dev/null && exit; sleep 0.1; done
  echo "$a"
) & done; wait`

// Reach returns when every node can connect to the addresses, "ip:port", and those to which one of them cannot within 10 s.
// A pod that is ready may still be out of reach: a Service's address refuses connections until kube-proxy, on every node
// and at most once in a second, has written its rules.
func Reach(ctx context.Context, nodes []Node, addresses []string) (unreachable []string, err error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	found := make([][]string, len(nodes))
	group, ctx := errgroup.WithContext(ctx)
	for i, node := range nodes {
		group.Go(func() error {
			out, err := node.Exec(ctx, nil, append([]string{"bash", "-c", connectScript, "bash"}, addresses...)...)
			found[i] = strings.Fields(string(out))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("connecting to services: %w", err)
	}
	all := slices.Concat(found...)
	slices.Sort(all)
	return slices.Compact(all), nil
}
