package command_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

func TestRunTellsWhatFailed(t *testing.T) {
	_, err := command.Output(context.Background(), "sh", "-c", "echo first >&2; echo the cause >&2; exit 3")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("Output = %v, want exit status 3", err)
	}
	for _, want := range []string{`running sh -c "echo first`, "the cause"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

func TestRunStreams(t *testing.T) {
	var out, errs strings.Builder
	err := command.Command{
		Argv: []string{"sh", "-c", "cat; echo $WORD >&2"}, Env: []string{"WORD=heard"},
		Stdin: strings.NewReader("said"), Stdout: &out, Stderr: &errs,
	}.Run(context.Background())
	if err != nil || out.String() != "said" || errs.String() != "heard\n" {
		t.Errorf("Run = %v, stdout %q, stderr %q", err, &out, &errs)
	}
}

func TestRunEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	go func() {
		read.Read(make([]byte, 1)) // the program runs
		cancel()
	}()
	err = command.Command{Argv: []string{"sh", "-c", "echo; exec sleep 60"}, Stdout: write}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want the context's error", err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "thing")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got, err := command.Find("thing"); err != nil || got != program {
		t.Errorf("Find = %q, %v, want %q", got, err, program)
	}
	if got, err := command.Find("text"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("Find of a file that is no program = %q, %v", got, err)
	}
}

func TestTail(t *testing.T) {
	var tail command.Tail
	for range 1000 {
		tail.Write([]byte("line\n"))
	}
	tail.Write([]byte("last\n"))
	if text := tail.String(); len(text) > 2100 || !strings.HasSuffix(text, "last") || !strings.HasPrefix(text, ": ") {
		t.Errorf("Tail = %d bytes, %q", len(text), text[max(0, len(text)-20):])
	}
}
