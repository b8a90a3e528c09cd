package cli

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// memoryFile is the kernel's account (https://docs.kernel.org/filesystems/proc.html#meminfo).
const memoryFile = "/proc/meminfo"

const memoryInterval = 500 * time.Millisecond

// watchMemory looks at the machine's memory until stop is called, which returns what it saw; nil where the file does not
// tell.
func watchMemory(file string) (stop func() *report.Memory) {
	used, total, ok := readMemory(file)
	if !ok {
		return func() *report.Memory { return nil }
	}
	seen := &report.Memory{BeforeBytes: used, PeakBytes: used, TotalBytes: total}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(memoryInterval)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
				if used, _, ok := readMemory(file); ok {
					seen.PeakBytes = max(seen.PeakBytes, used)
				}
			}
		}
	}()
	return func() *report.Memory {
		close(end)
		<-ended
		return seen
	}
}

// readMemory returns bytes that nobody could have now, and all bytes.
func readMemory(file string) (used, total int64, ok bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, false
	}
	values := map[string]int64{}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		if f := strings.Fields(scanner.Text()); len(f) == 3 && f[2] == "kB" {
			values[f[0]], _ = strconv.ParseInt(f[1], 10, 64)
		}
	}
	total, available := values["MemTotal:"]*1024, values["MemAvailable:"]*1024
	return total - available, total, total > 0 && available > 0
}
