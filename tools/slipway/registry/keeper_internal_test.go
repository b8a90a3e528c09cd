package registry

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// counting is a source that fails the first time, and counts.
type counting struct {
	source.Memory
	opened atomic.Int32
}

func (c *counting) Open(ctx context.Context, b plan.Blob) (io.ReadCloser, error) {
	if c.opened.Add(1) == 1 {
		return nil, errors.New("not yet")
	}
	return c.Memory.Open(ctx, b)
}

func TestKeeper(t *testing.T) {
	blob := plan.Blob{Digest: "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", Size: 1}
	for _, tc := range []struct {
		name       string
		blob, left int64
		want       int32 // reads of the source, the failed one among them
	}{
		{"kept", 1, 1, 2},
		{"too large", 0, 9, 10},
		{"too many", 9, 0, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from := &counting{Memory: source.Memory{blob.Digest: []byte("x")}}
			k := newKeeper(from)
			k.blob, k.left = tc.blob, tc.left
			if _, err := k.Open(t.Context(), blob); err == nil {
				t.Fatal("got no error of a source that fails")
			}
			var g errgroup.Group
			for range 9 {
				g.Go(func() error {
					r, err := k.Open(t.Context(), blob)
					if err != nil {
						return err
					}
					if data, err := io.ReadAll(r); err != nil || string(data) != "x" {
						t.Errorf("got %q, %v", data, err)
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if got := from.opened.Load(); got != tc.want {
				t.Errorf("got %d reads, want %d", got, tc.want)
			}
		})
	}
}
