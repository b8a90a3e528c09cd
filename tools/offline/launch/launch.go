// Package launch runs Bazel inside the Bazel root, and what `bazel run` would start outside of it.
//
// A program that `bazel run` starts wants the machine's container engine, browsers and files. So `run` becomes
// `run --script_path=FILE`, and FILE is executed on the host when Bazel is done. Everything else is handed through: arguments,
// exit code, streams, terminal, and signals, which the terminal sends to the whole foreground process group.
package launch

import (
	"crypto/md5"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/enter"
)

// Bazel is the offline Bazel of one checkout.
type Bazel struct {
	Cache     string   // cache folder; holds the output user root
	Root      string   // the Bazel root
	Workspace string   // the checkout
	RC        string   // generated bazelrc
	GoRoot    string   // the machine's Go
	Binds     []string // further files and folders that builds and tests see at their own paths
	Self      string   // this program, for running itself inside the root
	// Done is called between Bazel's end and the start of the program that `run` starts, with a file that it may write and that the
	// program's environment names in SLIPWAY_BEFORE; nil: there is none.
	Done func(file string) error
}

// valued lists Bazel's startup options that may take their value as the next argument.
var valued = map[string]bool{
	"--output_base": true, "--output_user_root": true, "--install_base": true, "--bazelrc": true, "--server_javabase": true,
	"--host_jvm_args": true, "--max_idle_secs": true, "--server_jvm_out": true, "--failure_detail_out": true,
	"--local_startup_timeout_secs": true, "--connect_timeout_secs": true, "--digest_function": true, "--unix_digest_hash_attribute_name": true,
	"--macos_qos_class": true, "--io_nice_level": true, "--invocation_policy": true,
}

// Starts reports whether args are a `run` that starts a program.
func Starts(args []string) bool {
	i := Command(args)
	return i >= 0 && args[i] == "run" && !hasScriptPath(args[i+1:])
}

// Tests reports whether args are a command that runs tests.
func Tests(args []string) bool {
	i := Command(args)
	return i >= 0 && (args[i] == "test" || args[i] == "coverage")
}

// Command returns the index of Bazel's command in args, or -1.
func Command(args []string) int {
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			return i
		}
		if valued[args[i]] {
			i++
		}
	}
	return -1
}

// Exec runs `bazel args…`. It returns only on failure or with the exit code of a Bazel that started no program.
// Env is the environment of what `run` starts.
func (b Bazel) Exec(args, env []string) (int, error) {
	if Starts(args) {
		return b.run(args, Command(args), env)
	}
	return 1, b.Enter(args)
}

func hasScriptPath(args []string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if strings.HasPrefix(a, "--script_path") {
			return true
		}
	}
	return false
}

// Enter replaces this process by Bazel inside the root.
func (b Bazel) Enter(args []string) error {
	argv := append([]string{
		"bazel", "--output_user_root=" + filepath.Join(b.Cache, "out"), "--bazelrc=" + b.RC,
		// The root's install base by the path that it has on the host too: runfiles of what `run` starts link into it.
		"--install_base=" + filepath.Join(b.Root, "usr/share/bazel"),
	}, args...)
	return enter.Exec(b.Root, b.binds(), argv, b.environment())
}

func (b Bazel) run(args []string, at int, env []string) (int, error) {
	dir := filepath.Join(b.Cache, "run")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 1, err
	}
	prune(dir)
	script := filepath.Join(dir, strconv.Itoa(os.Getpid())+".sh")
	with := append(append(append([]string{}, args[:at+1]...), "--script_path="+script), args[at+1:]...)
	cmd := exec.Command(b.Self, append([]string{"enter", "--"}, with...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	code, err := wait(cmd)
	if err != nil || code != 0 {
		return code, err
	}
	if _, err := os.Stat(script); err != nil {
		return 0, nil // `run --help` and the like
	}
	if b.Done != nil {
		file := strings.TrimSuffix(script, ".sh") + ".json"
		if err := b.Done(file); err != nil {
			return 1, err
		}
		env = append(env, "SLIPWAY_BEFORE="+file)
	}
	return 1, fmt.Errorf("running %q: %w", script, syscall.Exec("/bin/bash", []string{"bash", script}, env))
}

// wait runs cmd and leaves interrupts to it: it is in this process's group and gets them too. SIGTERM is passed on.
func wait(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGINT {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	if state := cmd.ProcessState; state != nil {
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return state.ExitCode(), nil
	}
	return 1, err
}

// OutputBase is where Bazel keeps all of the checkout, inside the output user root: the MD5 of the path names it
// (https://bazel.build/remote/output-directories).
func (b Bazel) OutputBase() string {
	return filepath.Join(b.Cache, "out", fmt.Sprintf("%x", md5.Sum([]byte(b.Workspace))))
}

// prune removes scripts of processes that are gone; a script is read while its program runs.
func prune(dir string) {
	scripts, _ := filepath.Glob(filepath.Join(dir, "*.*"))
	for _, s := range scripts {
		pid := strings.TrimSuffix(filepath.Base(s), filepath.Ext(s))
		if _, err := os.Stat(filepath.Join("/proc", pid)); err != nil {
			_ = os.Remove(s)
		}
	}
}

// binds are what the root shows of the host, at the same paths.
func (b Bazel) binds() []string {
	return append([]string{
		b.Cache, b.Workspace, b.GoRoot, os.Getenv("HOME"), filepath.Dir(b.Self),
		"/tmp", "/run", "/etc/ssl/certs", "/etc/resolv.conf", "/etc/hosts",
	}, b.Binds...)
}

// environment is the caller's, with the root's own PATH and without what belongs to the host's libraries.
func (b Bazel) environment() []string {
	var env []string
	for _, e := range os.Environ() {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "GOROOT":
		default:
			env = append(env, e)
		}
	}
	path := b.GoRoot + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	return append(env, "PATH="+path, "LANG=C.UTF-8")
}
