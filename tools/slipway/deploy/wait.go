package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	pollInterval = 300 * time.Millisecond
	// hopelessAfter is how long a pod may show a cause that no waiting cures before the wait ends early. Until the new
	// rollout has its first pod, the cause is that of a previous one; and a missing Secret may just be being made.
	hopelessAfter = 10 * time.Second
)

// wait returns when all objects are ready in the sense of kstatus
// (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md), a Job when it has completed.
// Its error names each object that is not, with the reasons.
func (c *cluster) wait(ctx context.Context, objects []object, timeout time.Duration) error {
	start := time.Now()
	w := waiter{cluster: c, hopeless: map[string]time.Time{}, timeout: timeout}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	pending := objects
	for {
		// A rollout that was ready stays so, unless a deletion or a crash intervenes; that is the test's to find.
		left, err := w.poll(ctx, pending)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			pending = left
		}
		if len(pending) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return w.unready(ctx, pending, time.Since(start))
		case <-ticker.C:
		}
	}
}

// waiter is one wait.
type waiter struct {
	*cluster
	hopeless map[string]time.Time // "<pod's UID> <cause>" to when it was first seen
	timeout  time.Duration
}

// poll returns the objects that are not ready yet, or an error when one of them never will be.
func (w waiter) poll(ctx context.Context, objects []object) ([]object, error) {
	var pending []object
	for _, o := range objects {
		state, live, err := w.state(ctx, o)
		if err != nil {
			return nil, err
		}
		if state.Status == status.CurrentStatus {
			continue
		}
		reason := w.explain(ctx, o, live)
		if state.Status == status.FailedStatus {
			reason.cause = strings.TrimSuffix(state.Message+": "+reason.cause, ": ")
			return nil, fmt.Errorf("%s failed: %s", o.name(), reason.withDetails(ctx, w.cluster))
		}
		if reason.stuck && w.outlasts(reason) {
			return nil, fmt.Errorf("%s will not become ready: %s", o.name(), reason.withDetails(ctx, w.cluster))
		}
		pending = append(pending, o)
	}
	return pending, nil
}

// outlasts reports whether the reason has been there for long enough to be believed.
func (w waiter) outlasts(r reason) bool {
	id := string(r.pod.UID) + " " + r.cause
	first, seen := w.hopeless[id]
	if !seen {
		w.hopeless[id] = time.Now()
		return false
	}
	return time.Since(first) >= hopelessAfter
}

// state computes the object's status and returns the object as it is now, nil when it cannot be read. A connection error
// is one state of many on the way, up to the deadline.
func (c *cluster) state(ctx context.Context, o object) (*status.Result, *unstructured.Unstructured, error) {
	resource, err := c.resource(o)
	if err != nil {
		return nil, nil, err
	}
	live, err := resource.Get(ctx, o.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return &status.Result{Status: status.NotFoundStatus, Message: "it does not exist"}, nil, nil
	case err != nil && ctx.Err() == nil && !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err):
		return &status.Result{Status: status.UnknownStatus, Message: err.Error()}, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("reading %s: %w", o.name(), err)
	}
	state, err := status.Compute(live)
	if err != nil {
		return nil, nil, fmt.Errorf("computing the status of %s: %w", o.name(), err)
	}
	if state.Status == status.CurrentStatus && o.GetKind() == "Job" && !jobCompleted(live.Object) {
		state.Status = status.InProgressStatus // kstatus is content with a Job that has started
	}
	return state, live, nil
}

// unready explains each pending object after the deadline, with a context of its own because the wait's has ended.
func (w waiter) unready(ended context.Context, pending []object, waited time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), diagnosis)
	defer cancel()
	if errors.Is(context.Cause(ended), context.DeadlineExceeded) {
		waited = w.timeout
	}
	var errs []error
	for _, o := range pending {
		text := fmt.Sprintf("%s not ready after %s", o.name(), seconds(waited))
		state, live, err := w.state(ctx, o)
		r := w.explain(ctx, o, live)
		if r.cause == "" && err == nil {
			r.cause = state.Message
		}
		errs = append(errs, errors.New(strings.TrimSuffix(text+": "+r.withDetails(ctx, w.cluster), ": ")))
	}
	return errors.Join(errs...)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }
