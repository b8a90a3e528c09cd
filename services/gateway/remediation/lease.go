package remediation

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// releaseTimeout bounds giving a lease back after the caller's context has ended.
const releaseTimeout = 5 * time.Second

// leases are locks that all replicas see, one per fingerprint. A lease exists only while it is held; one that its holder
// left behind may be taken over after duration.
type leases struct {
	client    client.Client
	namespace string
	holder    string
	duration  time.Duration
	now       func() time.Time
}

// acquire returns nil without an error when someone else holds the lease.
func (l *leases) acquire(ctx context.Context, fingerprint string) (*coordinationv1.Lease, error) {
	lease := l.describe(fingerprint)
	err := l.client.Create(ctx, lease)
	if err == nil {
		return lease, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("creating lease %q: %w", lease.Name, err)
	}
	return l.takeOver(ctx, fingerprint)
}

func (l *leases) takeOver(ctx context.Context, fingerprint string) (*coordinationv1.Lease, error) {
	wanted, lease := l.describe(fingerprint), &coordinationv1.Lease{}
	err := l.client.Get(ctx, client.ObjectKeyFromObject(wanted), lease)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading lease %q: %w", wanted.Name, err)
	case !l.expired(lease):
		return nil, nil
	}
	lease.Spec = wanted.Spec
	err = l.client.Update(ctx, lease)
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("taking over lease %q: %w", lease.Name, err)
	}
	return lease, nil
}

// release deletes the lease unless someone took it over. An error leaves the lease to its expiry.
func (l *leases) release(ctx context.Context, lease *coordinationv1.Lease) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	err := l.client.Delete(ctx, lease, client.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("releasing lease %q: %w", lease.Name, err)
}

func (l *leases) describe(fingerprint string) *coordinationv1.Lease {
	now, seconds := metav1.NewMicroTime(l.now()), int32(l.duration.Seconds())
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: "signal-" + fingerprint},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity:       &l.holder,
			LeaseDurationSeconds: &seconds,
			AcquireTime:          &now,
			RenewTime:            &now,
		},
	}
}

func (l *leases) expired(lease *coordinationv1.Lease) bool {
	spec := lease.Spec
	if spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return true
	}
	return l.now().After(spec.RenewTime.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second))
}
