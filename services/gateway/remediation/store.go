// Package remediation keeps one active RemediationRequest per signal.
//
// The Kubernetes API is the only state, so that any number of replicas agree and a restart forgets nothing. A signal is
// a duplicate when a RemediationRequest of its fingerprint is in a phase that is not final. Only when there is none does
// the store take a Lease, look again, and create one; a replica that finds the Lease held waits and looks again. So of
// many identical signals one takes the Lease, and the others find what it made.
//
// Counting a duplicate needs no Lease: concurrent counts are told apart by the object's resourceVersion.
//
// Not a goal: a cache. A stale answer to "is there an active request" is a second remediation of one fault.
package remediation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/gateway/signal"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// ErrBusy says that the fingerprint's Lease stayed in other hands; the sender may try again.
var ErrBusy = errors.New("another replica holds the signal's lease")

// Config says where requests live and how long to wait for others. Zero values stand for the defaults.
type Config struct {
	// Namespace of the RemediationRequests and Leases. Required.
	Namespace string
	// Holder is this replica's name in Leases. Required.
	Holder string
	// Tries to get the Lease; 0 means 10.
	Tries int
	// Backoff and MaxBackoff bound the wait between two tries, which doubles; 0 means 100 ms and 1 s.
	Backoff, MaxBackoff time.Duration
	// LeaseDuration is when a Lease that its holder left behind may be taken over; 0 means 15 s. Whole seconds.
	LeaseDuration time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Store is safe for concurrent use.
type Store struct {
	cfg    Config
	client client.Client
	leases leases
	// counting keeps the signals of one storm from contending for one resourceVersion; other replicas still may.
	counting [256]sync.Mutex
}

// Result is what became of a signal.
type Result struct {
	Request     *v1alpha1.RemediationRequest
	Duplicate   bool
	Occurrences int32 // of the signal since Request exists; 1 for a new one
	// CountErr says why a duplicate, or the first occurrence, could not be counted. The signal is handled nonetheless.
	CountErr error
	// CleanUpErr says why the Lease was not given back. It expires by itself.
	CleanUpErr error
}

// New returns a store. The client must not read from a cache.
func New(c client.Client, cfg Config) *Store {
	cfg.Tries = cmp.Or(cfg.Tries, 10)
	cfg.Backoff = cmp.Or(cfg.Backoff, 100*time.Millisecond)
	cfg.MaxBackoff = cmp.Or(cfg.MaxBackoff, time.Second)
	cfg.LeaseDuration = cmp.Or(cfg.LeaseDuration, 15*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{cfg: cfg, client: c, leases: leases{
		client: c, namespace: cfg.Namespace, holder: cfg.Holder, duration: cfg.LeaseDuration, now: cfg.Now,
	}}
}

// Ready returns why the store cannot work: no answer from the Kubernetes API, no definition, no permission.
func (s *Store) Ready(ctx context.Context) error {
	return s.client.List(ctx, &v1alpha1.RemediationRequestList{}, client.InNamespace(s.cfg.Namespace), client.Limit(1))
}

// Submit creates the signal's RemediationRequest, or finds the active one and counts the signal there. It returns
// ErrBusy when another replica held the Lease for too long. When the creation itself fails, Result.Request is what
// should have been created.
func (s *Store) Submit(ctx context.Context, sig signal.Signal) (Result, error) {
	fingerprint := sig.Fingerprint()
	backoff := wait.Backoff{Duration: s.cfg.Backoff, Cap: s.cfg.MaxBackoff, Factor: 2, Jitter: 0.2, Steps: s.cfg.Tries}
	for try := range s.cfg.Tries {
		if try > 0 {
			if err := sleep(ctx, backoff.Step()); err != nil {
				return Result{}, err
			}
		}
		active, err := s.active(ctx, fingerprint)
		if err != nil {
			return Result{}, err
		}
		if active != nil {
			return s.duplicate(ctx, active), nil
		}
		lease, err := s.leases.acquire(ctx, fingerprint)
		if err != nil {
			return Result{}, err
		}
		if lease != nil {
			result, err := s.exclusive(ctx, sig)
			result.CleanUpErr = s.leases.release(ctx, lease)
			return result, err
		}
	}
	return Result{}, ErrBusy
}

// exclusive runs under the fingerprint's Lease and ends before the Lease may be taken over.
func (s *Store) exclusive(ctx context.Context, sig signal.Signal) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.LeaseDuration*2/3)
	defer cancel()
	active, err := s.active(ctx, sig.Fingerprint())
	if err != nil {
		return Result{}, err
	}
	if active != nil {
		return s.duplicate(ctx, active), nil
	}
	request := newRequest(sig, s.cfg.Namespace, s.cfg.Now())
	if err := s.client.Create(ctx, request); err != nil {
		return Result{Request: request}, fmt.Errorf("creating RemediationRequest %q: %w", request.Name, err)
	}
	occurrences, err := s.count(ctx, request, first)
	return Result{Request: request, Occurrences: occurrences, CountErr: err}, nil
}

func (s *Store) duplicate(ctx context.Context, active *v1alpha1.RemediationRequest) Result {
	occurrences, err := s.count(ctx, active, another)
	return Result{Request: active, Duplicate: true, Occurrences: occurrences, CountErr: err}
}

// active returns the oldest RemediationRequest of the fingerprint whose phase is not final, or nil.
func (s *Store) active(ctx context.Context, fingerprint string) (*v1alpha1.RemediationRequest, error) {
	var list v1alpha1.RemediationRequestList
	err := s.client.List(ctx, &list, client.InNamespace(s.cfg.Namespace), client.MatchingFields{v1alpha1.FingerprintField: fingerprint})
	if err != nil {
		return nil, fmt.Errorf("listing RemediationRequests of %q: %w", fingerprint, err)
	}
	found := slices.DeleteFunc(list.Items, func(r v1alpha1.RemediationRequest) bool {
		return r.Status.OverallPhase.Terminal() || r.DeletionTimestamp != nil
	})
	if len(found) == 0 {
		return nil, nil
	}
	oldest := slices.MinFunc(found, func(a, b v1alpha1.RemediationRequest) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return &oldest, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
