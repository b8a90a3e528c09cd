package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// line is what a log line says, without its time.
type line struct {
	Level, Msg, Service, Error string
}

func TestMainLogsAndReturnsTheExitCode(t *testing.T) {
	for name, test := range map[string]struct {
		level string
		run   process.Run
		code  int
		want  []line
	}{
		"clean stop": {"", logBoth, 0, []line{{Level: "INFO", Msg: "loud", Service: "gateway"}}},
		"debug": {"debug", logBoth, 0, []line{
			{Level: "DEBUG", Msg: "quiet", Service: "gateway"}, {Level: "INFO", Msg: "loud", Service: "gateway"},
		}},
		"only errors":  {"ERROR", logBoth, 0, nil},
		"failure":      {"", fail, 1, []line{{Level: "ERROR", Msg: "stopped", Service: "gateway", Error: "opening the store: no space"}}},
		"other level":  {"loud", fail, 1, []line{{Level: "ERROR", Msg: "cannot start", Service: "gateway", Error: "LOG_LEVEL must be debug, info, warn or error"}}},
		"SIGTERM":      {"error", until(syscall.SIGTERM), 0, nil},
		"SIGINT":       {"error", until(syscall.SIGINT), 0, nil},
		"its settings": {"error", readLevel, 1, []line{{Level: "ERROR", Msg: "stopped", Service: "gateway", Error: "LOG_LEVEL is error"}}},
	} {
		t.Run(name, func(t *testing.T) {
			lookup := func(key string) (string, bool) { return test.level, key == "LOG_LEVEL" && test.level != "" }
			code, got := capture(t, func() int { return process.Main("gateway", nil, lookup, test.run) })
			if code != test.code {
				t.Errorf("exit code: got %d, want %d", code, test.code)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func logBoth(_ context.Context, _ *settings.Reader, log *slog.Logger) error {
	log.Debug("quiet")
	log.Info("loud")
	return nil
}

func fail(context.Context, *settings.Reader, *slog.Logger) error {
	return errors.New("opening the store: no space")
}

func readLevel(_ context.Context, env *settings.Reader, _ *slog.Logger) error {
	return errors.New("LOG_LEVEL is " + env.String("LOG_LEVEL", "unknown"))
}

// until returns a service that works until its context ends, which it brings about by a signal.
func until(signal syscall.Signal) process.Run {
	return func(ctx context.Context, _ *settings.Reader, _ *slog.Logger) error {
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
}

// capture returns f's result and the log lines that it wrote to standard output.
func capture(t *testing.T, f func() int) (int, []line) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdout")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	code := f()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []line
	for text := range strings.Lines(string(data)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		all = append(all, l)
	}
	return code, all
}
