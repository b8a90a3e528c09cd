package remediation

import (
	"context"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// change returns the next value of a count; seen is nil when nothing was counted yet.
type change func(seen *v1alpha1.Deduplication, received, now metav1.Time) *v1alpha1.Deduplication

// first starts the count, unless another replica has counted a duplicate (and with it the first) already.
func first(seen *v1alpha1.Deduplication, received, _ metav1.Time) *v1alpha1.Deduplication {
	if seen != nil {
		return seen
	}
	return &v1alpha1.Deduplication{FirstSeenAt: received, LastSeenAt: received, OccurrenceCount: 1}
}

// another counts a duplicate.
func another(seen *v1alpha1.Deduplication, received, now metav1.Time) *v1alpha1.Deduplication {
	next := *first(seen, received, now)
	next.LastSeenAt = now
	next.OccurrenceCount++
	return &next
}

// count applies next to the request's status and returns the number of occurrences after it. The patch carries the
// resourceVersion that it was made from, so that no concurrent count is lost.
func (s *Store) count(ctx context.Context, request *v1alpha1.RemediationRequest, next change) (int32, error) {
	lock := &s.counting[stripe(request.Spec.SignalFingerprint)]
	lock.Lock()
	defer lock.Unlock()
	var occurrences int32
	backoff := wait.Backoff{Duration: 10 * time.Millisecond, Factor: 1.5, Jitter: 1, Steps: 12}
	err := retry.RetryOnConflict(backoff, func() error {
		var current v1alpha1.RemediationRequest
		if err := s.client.Get(ctx, client.ObjectKeyFromObject(request), &current); err != nil {
			return err
		}
		base := current.DeepCopy()
		seen := next(base.Status.Deduplication, current.Spec.ReceivedTime, metav1.NewTime(s.cfg.Now()))
		current.Status.Deduplication, occurrences = seen, seen.OccurrenceCount
		return s.client.Status().Patch(ctx, &current, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		return 0, fmt.Errorf("counting an occurrence of RemediationRequest %q: %w", request.Name, err)
	}
	return occurrences, nil
}

// stripe spreads fingerprints over the locks by their first two hex digits.
func stripe(fingerprint string) int {
	n, _ := strconv.ParseUint(fingerprint[:2], 16, 8) // the schema admits hex digits only
	return int(n)
}
