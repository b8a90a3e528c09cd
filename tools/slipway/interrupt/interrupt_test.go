package interrupt_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/interrupt"
)

// TestMain is also the program that the test interrupts: it sends itself a second signal as soon as it knows of the first. SIGTERM is
// rules_go's, which ends tests by it.
func TestMain(m *testing.M) {
	if os.Getenv("INTERRUPTED") == "" {
		os.Exit(m.Run())
	}
	ctx := interrupt.Context()
	syscall.Kill(os.Getpid(), syscall.SIGINT)
	<-ctx.Done()
	syscall.Kill(os.Getpid(), syscall.SIGINT)
	time.Sleep(time.Minute)
}

func TestContext(t *testing.T) {
	for range 50 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "INTERRUPTED=1")
		start := time.Now()
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
			t.Fatalf("got %v after %s, want the second signal to end the process", err, time.Since(start))
		}
	}
}
