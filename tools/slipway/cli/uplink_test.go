package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100A8C0	0003	0	0	0	00000000	0	0	0
br0	000012AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`

func devices(in, out string) string {
	return `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999999  10 0 0 0 0 0 0 999999 10 0 0 0 0 0 0
  eth0: ` + in + `  10 0 0 0 0 0 0 ` + out + ` 10 0 0 0 0 0 0
   br0: 777777  10 0 0 0 0 0 0 777777 10 0 0 0 0 0 0
`
}

func TestUplink(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	up := openUplink(file("route", routes), file("dev", devices("1000", "50")))
	if got, want := up.carried(file("later", devices("4000", "60"))), (report.Network{InBytes: 3000, OutBytes: 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if up := openUplink(file("none", "Iface Destination\n"), filepath.Join(dir, "dev")); up != nil {
		t.Errorf("without a default route: got %+v, want none", up)
	}
	if up := openUplink(filepath.Join(dir, "missing"), filepath.Join(dir, "dev")); up.carried("dev") != (report.Network{}) {
		t.Error("an uplink that is not there carried something")
	}
}
