package command

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func TestComplain(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		code int
		want string
	}{
		{"plain", errors.New("no luck"), 3, "slipway: error: no luck\n"},
		{"joined", errors.Join(errors.New("a"), nil, errors.New("b\n\n  c")), 3, "slipway: error: a; b; c\n"},
		{
			"details", fault.New(fault.Delivery, errors.New("a not ready: Error\n    pod/a event: x\n    pod/a log: y\nb not ready: Error\n    pod/b log: z"), "one"), 3,
			"slipway: error: a not ready: Error; b not ready: Error\n  pod/a event: x\n  pod/a log: y\n  pod/b log: z\nslipway: hint: one\n",
		},
		{
			"three hints", fault.New(fault.TestsFailed, errors.New("x"), "one", "two", "three"), 1,
			"slipway: error: x\nslipway: hint: one\nslipway: hint: two\n",
		},
		{"input", fmt.Errorf("wrapped: %w", &plan.InputError{Message: "bad", Hints: []string{"good"}}), 2, "slipway: error: wrapped: bad\nslipway: hint: good\n"},
		{
			"denied", &registry.DeniedError{Label: "//a", Repository: "ghcr.io/o/a", Status: 403}, 3,
			"slipway: error: pushing //a to ghcr.io/o/a: 403 Forbidden\nslipway: hint: docker login ghcr.io\nslipway: hint: tools/bazelw run //tools/slipway -- --destination=kind\n",
		},
		{
			"unreachable", &registry.UnreachableError{Label: "//a", Repository: "r.io/a", Detail: "no route"}, 3,
			"slipway: error: pushing //a to r.io/a: no route\nslipway: hint: tools/bazelw run //tools/slipway -- --destination=kind\nslipway: hint: unset IMAGE_REGISTRY IMAGE_TAG\n",
		},
		{
			"flag of a suite", &PlanError{Err: fmt.Errorf("wrapped: %w", &plan.InputError{Message: "bad", Hints: []string{"--fresh", "ls --all"}}), Label: "//test/e2e:a"}, 2,
			"slipway: error: wrapped: bad\nslipway: hint: tools/bazelw run //test/e2e:a -- --fresh\nslipway: hint: ls --all\n",
		},
		{
			"push denied", &PlanError{Err: &registry.DeniedError{Label: "//a", Repository: "ghcr.io/o/a", Status: 403}, Label: "//services:push", Pushes: true}, 3,
			"slipway: error: pushing //a to ghcr.io/o/a: 403 Forbidden\nslipway: hint: docker login ghcr.io\nslipway: hint: tools/bazelw run //services:push -- --registry=localhost:5001/kubernaut\n",
		},
		{
			"full disk", fault.New(fault.Delivery, fmt.Errorf("writing lease: %w", &fs.PathError{Op: "write", Path: "/x/lease.json", Err: syscall.ENOSPC}), "ls -R /x"), 3,
			"slipway: error: writing lease: write /x/lease.json: no space left on device\nslipway: hint: df -h /x\n",
		},
		{
			"corrupt", fmt.Errorf("streaming a blob of //a: %w", &source.CorruptError{Blob: plan.Blob{Digest: "sha256:0", Size: 1}, Label: "//a", Problem: "more than 1 bytes"}), 3,
			"slipway: error: streaming a blob of //a: blob sha256:0 is corrupt: more than 1 bytes\nslipway: hint: tools/bazelw clean && tools/bazelw build --noremote_accept_cached //a\n",
		},
		{
			"missing", &source.MissingError{Blob: plan.Blob{Digest: "sha256:0", Size: 1}, Label: "//a"}, 3,
			"slipway: error: blob sha256:0 of 1 bytes is nowhere to be found\n" +
				"slipway: hint: tools/bazelw build --remote_download_outputs=toplevel //a\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got bytes.Buffer
			Complain(&got, tc.err, "")
			if diff := cmp.Diff(tc.want, got.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if got := Code(t.Context(), tc.err); got != tc.code {
				t.Errorf("got exit code %d, want %d", got, tc.code)
			}
		})
	}
}
