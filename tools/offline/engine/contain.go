package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

const (
	// userChain is where Docker lets an administrator filter what containers send.
	// https://docs.docker.com/engine/network/packet-filtering-firewalls/
	userChain = "DOCKER-USER"
	// forwardChain is the fallback for an engine that makes no such chain.
	forwardChain = "FORWARD"
)

// contain rejects, at the head of the forwarding path, what containers send
// towards each uplink, and verifies that the rule is in force.
func (e *Engine) contain(ctx context.Context) error {
	links, err := uplinks(ctx)
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := e.reject(ctx, link); err != nil {
			return err
		}
	}
	return nil
}

// reject puts one link's rule in place unless it is in force already.
func (e *Engine) reject(ctx context.Context, link string) error {
	rules, err := iptables(ctx, "-S")
	if err != nil {
		return err
	}
	if inForce(rules, link) {
		return nil
	}
	chain := forwardChain
	if reaches(rules, userChain) {
		chain = userChain
	}
	// A rule that is there behind an ACCEPT stays: removing it first would open a gap.
	if _, err := iptables(ctx, append([]string{"-I", chain}, ruleArgs(link)...)...); err != nil {
		return err
	}
	e.logf("containers are cut off from %s (%s)", link, chain)
	if rules, err = iptables(ctx, "-S"); err != nil {
		return err
	}
	if !inForce(rules, link) {
		return fmt.Errorf("rejecting what containers send to %q: the rule is set but not in force", link)
	}
	return nil
}

func rejectRule(link string) string { return strings.Join(ruleArgs(link), " ") }

func ruleArgs(link string) []string {
	return []string{"-o", link, "-j", "REJECT", "--reject-with", "icmp-admin-prohibited"}
}

// inForce tells whether every forwarded packet meets the link's rule before
// anything that could let it pass.
func inForce(rules, link string) bool {
	rule := rejectRule(link)
	return firstOf(rules, forwardChain, rule) ||
		reaches(rules, userChain) && firstOf(rules, userChain, rule)
}

// reaches tells whether every forwarded packet goes through chain.
func reaches(rules, chain string) bool {
	return firstOf(rules, forwardChain, "-j "+chain)
}

// firstOf tells whether only rejecting or dropping rules stand before rule.
func firstOf(rules, chain, rule string) bool {
	for _, line := range lines(rules) {
		body, ok := strings.CutPrefix(line, "-A "+chain+" ")
		switch {
		case !ok:
		case body == rule:
			return true
		case !strings.Contains(body, "-j REJECT") && !strings.Contains(body, "-j DROP"):
			return false
		}
	}
	return false
}

// iptables waits for its lock (-w): Docker and kube-proxy write rules as well.
func iptables(ctx context.Context, args ...string) (string, error) {
	return command.Output(ctx, append([]string{"iptables", "-w", "30"}, args...)...)
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// route is one line of `ip -json route`.
type route struct {
	Destination string `json:"dst"`
	Device      string `json:"dev"`
	NextHops    []struct {
		Device string `json:"dev"`
	} `json:"nexthops"`
}

// uplinks are the devices of the IPv4 default routes of every routing table.
func uplinks(ctx context.Context) ([]string, error) {
	out, err := command.Output(ctx, "ip", "-json", "-4", "route", "show", "table", "all", "default")
	if err != nil {
		return nil, err
	}
	links, err := parseUplinks([]byte(out))
	if err == nil && len(links) == 0 {
		err = errors.New("finding the uplink: no IPv4 default route")
	}
	return links, err
}

// parseUplinks drops "lo", which unreachable routes name.
func parseUplinks(data []byte) ([]string, error) {
	routes, err := parseRoutes(data)
	if err != nil {
		return nil, err
	}
	var links []string
	for _, r := range routes {
		if r.Destination != "default" {
			continue
		}
		links = append(links, r.Device)
		for _, hop := range r.NextHops {
			links = append(links, hop.Device)
		}
	}
	links = slices.DeleteFunc(links, func(link string) bool { return link == "" || link == "lo" })
	slices.Sort(links)
	return slices.Compact(links), nil
}

func parseRoutes(data []byte) ([]route, error) {
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, nil
	}
	var routes []route
	if err := json.Unmarshal(data, &routes); err != nil {
		return nil, fmt.Errorf("reading the routes of this machine: %w", err)
	}
	return routes, nil
}
