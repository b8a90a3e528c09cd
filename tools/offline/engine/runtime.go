package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// Runtime is an OCI runtime's command line: it takes what this machine cannot
// grant out of the container's configuration and then becomes runc. It returns
// only when that fails, with the exit status; the cause is on stderr.
//
// Docker's --privileged asks for every capability that the kernel knows, and
// runc fails when one is outside this process's bounding set. Without
// CAP_SYS_RESOURCE no limit can be raised either, so that rlimits go too.
// https://github.com/opencontainers/runtime-spec/blob/main/config.md#linux-process
func Runtime(args []string) int {
	fmt.Fprintf(os.Stderr, "offline runtime: error: %v\n", becomeRunc(args))
	return 1
}

func becomeRunc(args []string) error {
	lost, err := missingCapabilities("/proc")
	if err != nil {
		return err
	}
	for _, path := range configPaths(args) {
		if err := strip(path, lost); err != nil {
			return fmt.Errorf("adapting %q: %w", path, err)
		}
	}
	runc, err := command.Find("runc")
	if err != nil {
		return err
	}
	return fmt.Errorf("starting %q: %w", runc, syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ()))
}

// configPaths are the files that runc will read: the bundle's config.json of
// create and run, the process description of exec.
func configPaths(args []string) []string {
	bundle, process, command := ".", "", ""
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--bundle", "-b":
			bundle = value
		case "--process", "-p":
			process = value
		case "create", "run", "exec":
			if command == "" {
				command = name
			}
		}
	}
	switch {
	case command == "create" || command == "run":
		return []string{filepath.Join(bundle, "config.json")}
	case command == "exec" && process != "":
		return []string{process}
	}
	return nil
}

// strip rewrites a container configuration or process description in place.
func strip(path string, lost []string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // runc says it better
	}
	if err != nil {
		return err
	}
	stripped, err := stripJSON(data, lost)
	if err != nil {
		return err
	}
	return os.WriteFile(path, stripped, 0o600)
}

func stripJSON(data []byte, lost []string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // limits are 64 bit integers
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	process, nested := document["process"].(map[string]any)
	if !nested {
		process = document
	}
	if slices.Contains(lost, "CAP_SYS_RESOURCE") {
		delete(process, "rlimits")
	}
	if sets, ok := process["capabilities"].(map[string]any); ok {
		for name, set := range sets {
			if names, ok := set.([]any); ok {
				sets[name] = slices.DeleteFunc(names, func(v any) bool {
					s, ok := v.(string)
					return ok && slices.Contains(lost, s)
				})
			}
		}
	}
	return json.Marshal(document)
}

// missingCapabilities names what the kernel knows and this process's bounding
// set lacks.
func missingCapabilities(proc string) ([]string, error) {
	status, err := os.ReadFile(filepath.Join(proc, "self/status"))
	if err != nil {
		return nil, fmt.Errorf("reading the capabilities of this process: %w", err)
	}
	last, err := os.ReadFile(filepath.Join(proc, "sys/kernel/cap_last_cap"))
	if err != nil {
		return nil, fmt.Errorf("reading the capabilities of the kernel: %w", err)
	}
	highest, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil {
		return nil, fmt.Errorf("reading the capabilities of the kernel: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "\nCapBnd:")
	line, _, _ := strings.Cut(rest, "\n")
	bound, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the capabilities of this process: %w", err)
	}
	var lost []string
	for i, name := range capabilities() {
		if i <= highest && bound&(1<<i) == 0 {
			lost = append(lost, name)
		}
	}
	return lost, nil
}

// capabilities in the order of their numbers.
// https://github.com/torvalds/linux/blob/master/include/uapi/linux/capability.h
func capabilities() []string {
	names := strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
		LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
		SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD
		LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
		PERFMON BPF CHECKPOINT_RESTORE`)
	for i, name := range names {
		names[i] = "CAP_" + name
	}
	return names
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
