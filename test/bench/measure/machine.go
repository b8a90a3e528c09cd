package measure

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// machine are the facts that a time depends on. None of them names the machine or a folder. What cannot be read is "unknown".
func machine(dir string) []Fact {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	return []Fact{
		{"CPU", field("/proc/cpuinfo", "model name")},
		{"cores", strconv.Itoa(runtime.NumCPU())},
		{"memory", memory(field("/proc/meminfo", "MemTotal"))},
		{"system", strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`)},
		{"kernel", firstWord("/proc/sys/kernel/osrelease")},
		{"file system", filesystem(string(mounts), dir)},
		{"Go", strings.TrimPrefix(runtime.Version(), "go")},
		{"load at the start", firstWord("/proc/loadavg")},
	}
}

// field is the first value of a key in a file of "key: value" or "key=value" lines.
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		if rest, ok := strings.CutPrefix(scanner.Text(), key); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, " \t:="))
		}
	}
	return "unknown"
}

// memory turns the kernel's KiB, called kB there, into decimal units.
func memory(value string) string {
	kib, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	if err != nil {
		return "unknown"
	}
	return progress.Bytes(kib << 10)
}

func firstWord(path string) string {
	data, err := os.ReadFile(path)
	if err != nil || len(strings.Fields(string(data))) == 0 {
		return "unknown"
	}
	return strings.Fields(string(data))[0]
}

// filesystem is the type of the file system that holds dir: the longest mount point above it, the last of equal ones
// (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).
func filesystem(mounts, dir string) string {
	kind, length := "unknown", -1
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if len(f) < 5 || len(g) == 0 {
			continue
		}
		rel, err := filepath.Rel(f[4], dir)
		if err == nil && rel != ".." && !strings.HasPrefix(rel, "../") && len(f[4]) >= length {
			kind, length = g[0], len(f[4])
		}
	}
	return kind
}

// resetHighWater makes the kernel forget the highest memory use so far
// (https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html).
func resetHighWater() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// resident reads a "VmRSS" or "VmHWM" line, in bytes.
func resident(key string) (int64, error) {
	text := field("/proc/self/status", key)
	kib, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %q is no number", key, text)
	}
	return kib << 10, nil
}
