package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// networkName is kind's; a network of that name that exists is used by kind as it is.
const networkName = "kind"

type network struct {
	ID         string `json:"Id"`
	Name       string
	EnableIPv6 bool
	IPAM       struct{ Config []subnet }
	Containers map[string]struct{}
}

type subnet struct{ Subnet, Gateway string }

// ensureNetwork makes the network that kind would otherwise make itself, with
// IPv6, which the containment rule does not cover.
func (e *Engine) ensureNetwork(ctx context.Context, api *client) error {
	have, err := api.network(ctx)
	if err != nil {
		return err
	}
	if have != nil && !have.EnableIPv6 {
		return e.rememberBridge(have.ID)
	}
	if have != nil {
		if len(have.Containers) > 0 {
			return fmt.Errorf("using the network %q: it has IPv6 and is in use; delete its clusters (kind delete clusters --all), then docker network rm %s", networkName, networkName)
		}
		if err := api.removeNetwork(ctx, have.ID); err != nil {
			return err
		}
	}
	return e.createNetwork(ctx, api)
}

func (e *Engine) createNetwork(ctx context.Context, api *client) error {
	out, err := command.Output(ctx, "ip", "-json", "-4", "route", "show", "table", "all")
	if err != nil {
		return err
	}
	routes, err := parseRoutes([]byte(out))
	if err != nil {
		return err
	}
	prefix, err := freeSubnet(routes)
	if err != nil {
		return err
	}
	body := map[string]any{
		"Name": networkName, "Driver": "bridge", "CheckDuplicate": true, "EnableIPv6": false,
		"IPAM": map[string]any{"Config": []subnet{{prefix.String(), prefix.Addr().Next().String()}}},
	}
	var made struct{ ID string }
	if _, err := api.do(ctx, http.MethodPost, "/networks/create", body, &made); err != nil {
		return fmt.Errorf("creating the network %q: %w", networkName, err)
	}
	e.logf("created the network %s, %s", networkName, prefix)
	return e.rememberBridge(made.ID)
}

// rememberBridge notes the network's device for Stop, which finds it left behind when the daemon died or kept the network.
// Docker names it after the network's id.
func (e *Engine) rememberBridge(id string) error {
	name := "br-" + id[:min(12, len(id))]
	if old, err := os.ReadFile(e.path("bridge")); err == nil && string(old) == name {
		return nil
	}
	return os.WriteFile(e.path("bridge"), []byte(name), 0o644)
}

// freeSubnet is the first /16 of 172.18 to 172.31 that no route of the machine
// touches. 172.17 is left to Docker's own bridge; kind's pods (10.244.0.0/16) and
// services (10.96.0.0/16) are elsewhere.
func freeSubnet(routes []route) (netip.Prefix, error) {
	var used []netip.Prefix
	for _, r := range routes {
		if prefix, ok := destination(r.Destination); ok {
			used = append(used, prefix)
		}
	}
candidates:
	for second := byte(18); second < 32; second++ {
		candidate := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, second, 0, 0}), 16)
		for _, prefix := range used {
			if prefix.Overlaps(candidate) {
				continue candidates
			}
		}
		return candidate, nil
	}
	return netip.Prefix{}, errors.New("choosing a subnet for clusters: 172.18.0.0/16 to 172.31.0.0/16 are all in use")
}

// destination reads a route's "dst": a prefix, an address, or a word such as "default".
func destination(text string) (netip.Prefix, bool) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		return prefix, err == nil && prefix.Bits() > 0
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(address, address.BitLen()), true
}

// network is nil when there is none of the name.
func (c *client) network(ctx context.Context) (*network, error) {
	var found network
	status, err := c.do(ctx, http.MethodGet, "/networks/"+networkName, nil, &found)
	if status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}

func (c *client) removeNetwork(ctx context.Context, id string) error {
	_, err := c.do(ctx, http.MethodDelete, "/networks/"+id, nil, nil)
	return err
}
