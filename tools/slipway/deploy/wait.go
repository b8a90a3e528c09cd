package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// lookInterval is between two looks at the view, which is in memory.
const lookInterval = 50 * time.Millisecond

// wait returns when all objects are ready in the sense of kstatus
// (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md), a Job when it has completed. Objects must
// have been applied. Its error names each object that is not, with the reasons; it comes early when there is no hope.
func (c *cluster) wait(ctx context.Context, objects []object, timeout time.Duration) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	v, err := c.watch(watching, objects)
	if err != nil {
		return err
	}
	start := time.Now()
	w := waiter{cluster: c, view: v, patience: newPatience(len(objects))}
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	pending := objects
	for restarted := false; ; {
		if !restarted && v.synced() {
			w.restart(ctx, objects, start)
			restarted = true
		}
		// A rollout that was ready stays so, unless a deletion or a crash intervenes; that is the test's to find.
		if pending, err = w.look(ctx, pending); err != nil || len(pending) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			waited := time.Since(start)
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				waited = timeout
			}
			return w.unready(ctx, pending, waited)
		case <-ticker.C:
		}
	}
}

// waiter is one wait.
type waiter struct {
	*cluster
	view     *view
	patience *patience
}

// look returns the objects that are not ready yet, or an error when one of them never will be.
func (w waiter) look(ctx context.Context, objects []object) ([]object, error) {
	if err := w.view.err(); err != nil {
		return nil, fmt.Errorf("watching: %w", err)
	}
	if !w.view.synced() {
		return objects, nil
	}
	var pending []object
	var signs []sign
	for _, o := range objects {
		live := w.view.live(o)
		state, err := w.state(o, live)
		if err != nil {
			return nil, err
		}
		if state.Status == status.CurrentStatus {
			continue
		}
		r := explain(o, live, w.view.podsOf(o))
		if state.Status == status.FailedStatus {
			r.cause = strings.TrimSuffix(state.Message+": "+r.cause, ": ")
			return nil, fmt.Errorf("%s failed: %s", o.name(), r.withDetails(ctx, w.cluster))
		}
		pending, signs = append(pending, o), append(signs, sign{o, r})
	}
	return pending, w.giveUp(ctx, w.patience.hopeless(time.Now(), signs))
}

// restart deletes the pods that crashed before this wait: a run before left them, what they lacked may be there now, and
// their next try may be minutes away. Their owners make new ones.
func (w waiter) restart(ctx context.Context, objects []object, before time.Time) {
	for _, o := range objects {
		for _, pod := range w.view.podsOf(o) {
			r := diagnose(pod)
			if r.fate != crashing || len(pod.OwnerReferences) == 0 || pod.CreationTimestamp.After(before) || r.ended.After(before) {
				continue
			}
			if err := w.typed.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err == nil {
				w.view.replaced[pod.UID] = true
			}
		}
	}
}

func (w waiter) giveUp(ended context.Context, hopeless []sign) error {
	ctx, cancel := context.WithTimeout(ended, diagnosis)
	defer cancel()
	var errs []error
	for _, s := range hopeless {
		errs = append(errs, fmt.Errorf("%s will not become ready: %s", s.object.name(), s.reason.withDetails(ctx, w.cluster)))
	}
	return fault.New(fault.Delivery, errors.Join(errs...))
}

// state computes the object's status from its live state, which may be nil. A state older than what was applied says
// nothing: the watch has not caught up.
func (c *cluster) state(o object, live *unstructured.Unstructured) (*status.Result, error) {
	if live == nil {
		return &status.Result{Status: status.NotFoundStatus, Message: "it does not exist"}, nil
	}
	if wanted, ok := c.applied.Load(key(o)); ok && (live.GetUID() != wanted.(version).uid || live.GetGeneration() < wanted.(version).generation) {
		return &status.Result{Status: status.UnknownStatus, Message: "its new state has not been seen"}, nil
	}
	state, err := status.Compute(live)
	if err != nil {
		return nil, fmt.Errorf("computing the status of %s: %w", o.name(), err)
	}
	if state.Status == status.CurrentStatus && o.GetKind() == "Job" && !jobCompleted(live.Object) {
		state.Status = status.InProgressStatus // kstatus is content with a Job that has started
	}
	return state, nil
}

// unready explains each pending object after the deadline, with a context of its own because the wait's has ended.
func (w waiter) unready(ended context.Context, pending []object, waited time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), diagnosis)
	defer cancel()
	var errs []error
	for _, o := range pending {
		text := fmt.Sprintf("%s not ready after %s", o.name(), seconds(waited))
		live := w.view.live(o)
		state, err := w.state(o, live)
		r := explain(o, live, w.view.podsOf(o))
		if r.cause == "" && err == nil {
			r.cause = state.Message
		}
		errs = append(errs, errors.New(strings.TrimSuffix(text+": "+r.withDetails(ctx, w.cluster), ": ")))
	}
	return errors.Join(errs...)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }

func fromUnstructured(content map[string]any, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(content, into)
}
