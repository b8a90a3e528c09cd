package cluster

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// contained returns nil when the host rejects every packet that it would forward to the outside, or has no way out.
// A kind node sends packets out of the host at its start, before the cluster's own routes and rules exist.
func contained(ctx context.Context, rules func(context.Context) ([]byte, error)) error {
	table, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return fmt.Errorf("checking containment: %w", err)
	}
	for _, uplink := range uplinks(table) {
		listing, err := rules(ctx)
		if err != nil {
			return fmt.Errorf("checking containment: %w", err)
		}
		if !rejects(listing, uplink) {
			return fmt.Errorf("refusing to create a cluster: no iptables rule keeps its packets from leaving through %q", uplink)
		}
	}
	return nil
}

// uplinks returns the devices of the default routes in /proc/net/route.
func uplinks(table []byte) []string {
	var devices []string
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" && !slices.Contains(devices, f[0]) {
			devices = append(devices, f[0])
		}
	}
	return devices
}

// hostRules runs iptables, also where /usr/sbin is not in the user's path.
func hostRules(ctx context.Context) ([]byte, error) {
	path, err := exec.LookPath("iptables")
	for _, known := range []string{"/usr/sbin/iptables", "/sbin/iptables"} {
		if err != nil {
			path, err = exec.LookPath(known)
		}
	}
	if err != nil {
		return nil, err
	}
	return run(ctx, nil, path, "-w", "5", "-S")
}

// The ways in which a chain can end for a packet that leaves through the uplink.
const (
	passes  = iota // no rule decides
	stopped        // rejected or dropped
	open           // accepted, at least under some condition
)

// rejects walks FORWARD of an `iptables -S` listing for packets to the uplink: an unconditional rejection must come
// before any rule that could accept them.
func rejects(listing []byte, uplink string) bool {
	chains := make(map[string][][]string)
	scanner := bufio.NewScanner(bytes.NewReader(listing))
	for scanner.Scan() {
		if f := strings.Fields(scanner.Text()); len(f) > 2 && f[0] == "-A" {
			chains[f[1]] = append(chains[f[1]], f[2:])
		}
	}
	return walk(chains, "FORWARD", uplink, 0) == stopped
}

// walk gives up on jumps deeper than 8 and calls them open.
func walk(chains map[string][][]string, chain, uplink string, depth int) int {
	if depth > 8 {
		return open
	}
	for _, rule := range chains[chain] {
		target, device, conditional := parseRule(rule)
		if device != "" && device != uplink {
			continue
		}
		verdict := verdictOf(chains, target, uplink, depth)
		switch {
		case target == "RETURN" && !conditional:
			return passes
		case verdict == open || target == "RETURN":
			return open
		case verdict == stopped && !conditional:
			return stopped
		}
	}
	return passes
}

func verdictOf(chains map[string][][]string, target, uplink string, depth int) int {
	switch target {
	case "REJECT", "DROP":
		return stopped
	case "ACCEPT":
		return open
	}
	if _, ok := chains[target]; ok {
		return walk(chains, target, uplink, depth+1)
	}
	return passes
}

// parseRule returns the rule's target, its output device, and whether anything else narrows it. A negated device counts
// as a condition.
func parseRule(rule []string) (target, device string, conditional bool) {
	for i := 0; i < len(rule); i++ {
		switch rule[i] {
		case "-j", "-g":
			if i+1 < len(rule) {
				target = rule[i+1]
			}
			return target, device, conditional
		case "-o":
			if i+1 < len(rule) && (i == 0 || rule[i-1] != "!") {
				device = rule[i+1]
			}
			i++
		default:
			conditional = true
		}
	}
	return target, device, conditional
}
