package lock_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/kubernaut/kubernaut/tools/offline/engine/lock"
)

func TestAcquire(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made/when/missing")
	release, err := lock.Acquire(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := lock.Acquire(cancelled, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("a second Acquire = %v, want the context's error", err)
	}
	second := make(chan error)
	go func() {
		release, err := lock.Acquire(context.Background(), dir)
		if err == nil {
			release()
		}
		second <- err
	}()
	release()
	if err := <-second; err != nil {
		t.Errorf("Acquire after the release: %v", err)
	}
}
