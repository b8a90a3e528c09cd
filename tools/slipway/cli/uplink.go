package cli

import (
	"os"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// uplink reads what the interfaces of the machine's IPv4 default routes have carried since it was opened
// (https://docs.kernel.org/networking/statistics.html). Bytes of loopback and of the cluster's bridge are not in it.
type uplink struct {
	devices []string
	start   report.Network
}

const (
	routesFile  = "/proc/net/route"
	devicesFile = "/proc/net/dev"
)

// openUplink returns nil where there is no default route or the system does not tell.
func openUplink(routes, devices string) *uplink {
	data, err := os.ReadFile(routes)
	if err != nil {
		return nil
	}
	u := &uplink{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			u.devices = append(u.devices, f[0])
		}
	}
	start, ok := u.total(devices)
	if len(u.devices) == 0 || !ok {
		return nil
	}
	u.start = start
	return u
}

// carried is what went through since the start; zero of a nil uplink.
func (u *uplink) carried(devices string) report.Network {
	if u == nil {
		return report.Network{}
	}
	now, _ := u.total(devices)
	return report.Network{InBytes: max(0, now.InBytes-u.start.InBytes), OutBytes: max(0, now.OutBytes-u.start.OutBytes)}
}

func (u *uplink) total(devices string) (sum report.Network, ok bool) {
	data, err := os.ReadFile(devices)
	if err != nil {
		return sum, false
	}
	for line := range strings.Lines(string(data)) {
		name, counts, _ := strings.Cut(strings.TrimSpace(line), ":")
		f := strings.Fields(counts)
		for _, device := range u.devices {
			if device == name && len(f) > 8 { // received bytes come first, sent ones ninth
				in, _ := strconv.ParseInt(f[0], 10, 64)
				out, _ := strconv.ParseInt(f[8], 10, 64)
				sum.InBytes, sum.OutBytes = sum.InBytes+in, sum.OutBytes+out
			}
		}
	}
	return sum, true
}
