package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// daemonConfig is what dockerd reads instead of /etc/docker/daemon.json.
// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
type daemonConfig struct {
	DataRoot       string             `json:"data-root"`
	ExecRoot       string             `json:"exec-root"`
	PIDFile        string             `json:"pidfile"`
	Hosts          []string           `json:"hosts"`
	LogLevel       string             `json:"log-level"`
	DNS            []string           `json:"dns"`
	Runtimes       map[string]runtime `json:"runtimes,omitempty"`
	DefaultRuntime string             `json:"default-runtime,omitempty"`
}

type runtime struct {
	Path string `json:"path"`
}

// start runs dockerd detached from this process and waits for its answer.
func (e *Engine) start(ctx context.Context, api *client) error {
	if err := e.configure(); err != nil {
		return fmt.Errorf("configuring the container engine: %w", err)
	}
	if err := e.rememberPolicy(ctx); err != nil {
		return err
	}
	e.logf("starting the container engine, data in %s", e.path("data"))
	pid, running := e.pid()
	exited := make(chan error, 1)
	if !running {
		var err error
		if pid, err = e.spawn(exited); err != nil {
			return fmt.Errorf("starting dockerd: %w", err)
		}
	}
	return e.await(ctx, api, pid, exited)
}

func (e *Engine) spawn(exited chan<- error) (int, error) {
	path, err := command.Find("dockerd")
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(e.path("dockerd.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.Command(path, "--config-file="+e.path("daemon.json"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.Env = append(os.Environ(), "PATH="+command.SearchPath())
	// A session of its own: the daemon outlives this process and its terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() { exited <- cmd.Wait() }()
	return cmd.Process.Pid, nil
}

// await polls until the engine answers, the daemon ends, or the time is up. A
// daemon that does not come up is ended again.
func (e *Engine) await(ctx context.Context, api *client, pid int, exited <-chan error) error {
	deadline := time.Now().Add(startLimit)
	for {
		if api.ping(ctx) == nil {
			return nil
		}
		select {
		case err := <-exited:
			return fmt.Errorf("starting dockerd: it ended (%v): %s", err, lastLines(e.path("dockerd.log")))
		default:
		}
		err := sleep(ctx, 50*time.Millisecond)
		if err == nil && time.Now().After(deadline) {
			err = fmt.Errorf("no answer after %s: %s", startLimit, lastLines(e.path("dockerd.log")))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("starting dockerd: %w", err), e.end(context.WithoutCancel(ctx), pid))
		}
	}
}

// configure writes daemon.json and, where capabilities are missing, the wrapper.
func (e *Engine) configure() error {
	config := daemonConfig{
		DataRoot: e.path("data"),
		ExecRoot: e.execRoot(),
		PIDFile:  e.path("dockerd.pid"),
		Hosts:    []string{"unix://" + defaultSocket},
		LogLevel: "warn",
		// Names from outside have no answer here. A loopback resolver is refused inside
		// the container, where the machine's own would be asked in vain by every lookup.
		DNS: []string{"127.0.0.1"},
	}
	lost, err := missingCapabilities("/proc")
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		e.logf("containers go without %s, which this machine does not grant", strings.Join(lost, ", "))
		if err := e.writeWrapper(); err != nil {
			return err
		}
		config.Runtimes = map[string]runtime{"contained": {Path: e.path("runc-contained")}}
		config.DefaultRuntime = "contained"
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(e.path("daemon.json"), append(data, '\n'), 0o644)
}

// socketPathMax is the size of sockaddr_un's path with its final zero.
const socketPathMax = 108

// execRoot is below Dir unless the sockets that containerd makes there would get
// a longer path than the kernel takes.
func (e *Engine) execRoot() string {
	root := e.path("exec")
	if len(root+"/containerd/containerd-debug.sock.ttrpc") < socketPathMax {
		return root
	}
	return "/run/kubernaut-engine-" + shortHash(e.Dir)
}

// writeWrapper copies the program, so that the tool set's next build does not take
// it away from a running engine, and writes the script that calls it: an OCI
// runtime gets no argument of its own.
func (e *Engine) writeWrapper() error {
	source := e.Executable
	if source == "" {
		var err error
		if source, err = os.Executable(); err != nil {
			return err
		}
	}
	in, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("copying the runtime wrapper: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("copying the runtime wrapper: %w", err)
	}
	if err := writeFile(e.path("offline"), data, 0o755); err != nil {
		return err
	}
	program := "'" + strings.ReplaceAll(e.path("offline"), "'", `'\''`) + "'"
	return writeFile(e.path("runc-contained"), []byte("#!/bin/sh\nexec "+program+` runtime "$@"`+"\n"), 0o755)
}

// writeFile replaces a file at once; a running program keeps its old content.
func writeFile(path string, data []byte, mode os.FileMode) error {
	temp := path + ".tmp"
	if err := os.WriteFile(temp, data, mode); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// pid is that of the dockerd that this folder's configuration started. A pid file
// that outlived its process, even one whose number was given to another program,
// counts as not running.
func (e *Engine) pid() (int, bool) {
	data, err := os.ReadFile(e.path("dockerd.pid"))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, false
	}
	return pid, e.owns("/proc", pid)
}

// owns tells by the command line whether a process is this folder's dockerd.
func (e *Engine) owns(proc string, pid int) bool {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	argv := bytes.Split(bytes.TrimSuffix(data, []byte{0}), []byte{0})
	return len(argv) == 2 && filepath.Base(string(argv[0])) == "dockerd" &&
		string(argv[1]) == "--config-file="+e.path("daemon.json")
}

// lastLines of a log, for an error.
func lastLines(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	tail := &command.Tail{}
	tail.Write(data)
	return path + tail.String()
}
