package remediation_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/gateway/signal"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

const namespace = "kubernaut-system"

func TestFirstSignalCreatesARequest(t *testing.T) {
	kube := newKube(t, interceptor.Funcs{})
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	store := remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a", Now: func() time.Time { return now }})
	sig := oom()
	result := submit(t, store, sig)
	if result.Duplicate || result.Occurrences != 1 {
		t.Errorf("got duplicate %t and %d occurrences, want a first one", result.Duplicate, result.Occurrences)
	}
	if !regexp.MustCompile(`^rr-` + sig.Fingerprint()[:12] + `-[0-9a-f]{8}$`).MatchString(result.Request.Name) {
		t.Errorf("name: got %q", result.Request.Name)
	}
	got := requests(t, kube)[0]
	want := v1alpha1.RemediationRequest{
		ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{
				"kubernaut.ai/signal-type":        "prometheus-alert",
				"kubernaut.ai/signal-fingerprint": sig.Fingerprint()[:63],
				"kubernaut.ai/severity":           "very-high",
			},
			Annotations: map[string]string{"kubernaut.ai/created-at": "2026-03-01T10:00:00Z"},
		},
		Spec: v1alpha1.RemediationRequestSpec{
			SignalFingerprint: sig.Fingerprint(),
			SignalName:        "OOM",
			Severity:          "very high!",
			SignalType:        v1alpha1.PrometheusAlert,
			SignalSource:      "alertmanager",
			TargetType:        v1alpha1.KubernetesTarget,
			TargetResource:    sig.Target,
			FiringTime:        metav1.NewTime(now),
			ReceivedTime:      metav1.NewTime(now),
			SignalLabels:      sig.Labels,
		},
		Status: v1alpha1.RemediationRequestStatus{
			Deduplication: &v1alpha1.Deduplication{FirstSeenAt: metav1.NewTime(now), LastSeenAt: metav1.NewTime(now), OccurrenceCount: 1},
		},
	}
	got.ObjectMeta = metav1.ObjectMeta{Labels: got.Labels, Annotations: got.Annotations}
	got.TypeMeta = metav1.TypeMeta{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if n := leaseCount(t, kube); n != 0 {
		t.Errorf("got %d leases after the work, want none", n)
	}
}

func TestRepeatedSignalIsCounted(t *testing.T) {
	kube := newKube(t, interceptor.Funcs{})
	store := remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a"})
	first := submit(t, store, oom())
	for want := int32(2); want <= 4; want++ {
		again := submit(t, store, oom())
		if !again.Duplicate || again.Request.Name != first.Request.Name || again.Occurrences != want {
			t.Errorf("got duplicate %t of %q with %d occurrences, want %q with %d",
				again.Duplicate, again.Request.Name, again.Occurrences, first.Request.Name, want)
		}
	}
}

func TestFinalPhaseEndsTheDuplicates(t *testing.T) {
	for phase, wantDuplicate := range map[v1alpha1.Phase]bool{
		"": true, v1alpha1.Pending: true, v1alpha1.Blocked: true, v1alpha1.Executing: true,
		v1alpha1.Completed: false, v1alpha1.Failed: false, v1alpha1.TimedOut: false, v1alpha1.Skipped: false, v1alpha1.Cancelled: false,
	} {
		t.Run("phase "+string(phase), func(t *testing.T) {
			kube := newKube(t, interceptor.Funcs{})
			store := remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a"})
			first := submit(t, store, oom())
			var stored v1alpha1.RemediationRequest
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(first.Request), &stored); err != nil {
				t.Fatal(err)
			}
			stored.Status.OverallPhase = phase
			if err := kube.Status().Update(t.Context(), &stored); err != nil {
				t.Fatal(err)
			}
			if got := submit(t, store, oom()).Duplicate; got != wantDuplicate {
				t.Errorf("duplicate: got %t, want %t", got, wantDuplicate)
			}
		})
	}
}

// Two stores stand for two replicas: they share nothing but the API.
func TestConcurrentSignalsMakeOneRequest(t *testing.T) {
	kube := newKube(t, interceptor.Funcs{})
	replicas := []*remediation.Store{
		remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a", Tries: 20}),
		remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "b", Tries: 20}),
	}
	const n = 50
	results, errs := make([]remediation.Result, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { results[i], errs[i] = replicas[i%2].Submit(t.Context(), oom()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	created := 0
	for _, result := range results {
		if !result.Duplicate {
			created++
		}
		if result.CountErr != nil {
			t.Errorf("counting: %v", result.CountErr)
		}
	}
	stored := requests(t, kube)
	if created != 1 || len(stored) != 1 {
		t.Fatalf("got %d results that created and %d requests, want 1 and 1", created, len(stored))
	}
	if got := stored[0].Status.Deduplication.OccurrenceCount; got != n {
		t.Errorf("occurrences: got %d, want %d", got, n)
	}
}

func TestLeaseOfAnother(t *testing.T) {
	held := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		now     time.Time
		wantErr error
	}{
		"fresh: busy":         {held.Add(time.Second), remediation.ErrBusy},
		"expired: taken over": {held.Add(time.Minute), nil},
	} {
		t.Run(name, func(t *testing.T) {
			holder, seconds, renewed := "gone", int32(15), metav1.NewMicroTime(held)
			kube := newKube(t, interceptor.Funcs{}, &coordinationv1.Lease{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "signal-" + oom().Fingerprint()},
				Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &renewed},
			})
			store := remediation.New(kube, remediation.Config{
				Namespace: namespace, Holder: "a", Tries: 3, Backoff: time.Millisecond, MaxBackoff: time.Millisecond,
				Now: func() time.Time { return test.now },
			})
			_, err := store.Submit(t.Context(), oom())
			if !errors.Is(err, test.wantErr) {
				t.Errorf("error: got %v, want %v", err, test.wantErr)
			}
		})
	}
}

func TestFailuresOfTheAPI(t *testing.T) {
	broken := errors.New("etcd is on fire")
	for name, test := range map[string]struct {
		funcs       interceptor.Funcs
		wantErr     string
		wantRequest bool
	}{
		"listing":  {interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return broken }}, "listing RemediationRequests", false},
		"leasing":  {failingCreate[*coordinationv1.Lease](broken), "creating lease", false},
		"creating": {failingCreate[*v1alpha1.RemediationRequest](broken), "creating RemediationRequest", true},
	} {
		t.Run(name, func(t *testing.T) {
			kube := newKube(t, test.funcs)
			result, err := remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a"}).Submit(t.Context(), oom())
			if !errors.Is(err, broken) || !strings.Contains(fmt.Sprint(err), test.wantErr) {
				t.Errorf("error: got %v, want one of %q", err, test.wantErr)
			}
			if got := result.Request != nil; got != test.wantRequest {
				t.Errorf("names a request: got %t, want %t", got, test.wantRequest)
			}
		})
	}
}

func TestFailedCountDoesNotFailTheSignal(t *testing.T) {
	broken := errors.New("status is read-only today")
	kube := newKube(t, interceptor.Funcs{SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
		return broken
	}})
	result := submit(t, remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a"}), oom())
	if result.Request == nil || !errors.Is(result.CountErr, broken) {
		t.Errorf("got request %v and count error %v, want a request and %v", result.Request, result.CountErr, broken)
	}
}

func TestCancelledContextEndsTheWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	seconds, renewed := int32(3600), metav1.NowMicro()
	kube := newKube(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			cancel()
			return c.Create(ctx, o, opts...)
		},
	}, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "signal-" + oom().Fingerprint()},
		Spec:       coordinationv1.LeaseSpec{LeaseDurationSeconds: &seconds, RenewTime: &renewed},
	})
	store := remediation.New(kube, remediation.Config{Namespace: namespace, Holder: "a", Backoff: time.Hour, MaxBackoff: time.Hour})
	if _, err := store.Submit(ctx, oom()); !errors.Is(err, context.Canceled) {
		t.Errorf("error: got %v, want %v", err, context.Canceled)
	}
}

func TestLabelValue(t *testing.T) {
	for in, want := range map[string]string{
		"critical": "critical", "very high!": "very-high", "": "", "---": "", "größer": "gr--er", " a ": "a",
		strings.Repeat("x", 80): strings.Repeat("x", 63), strings.Repeat("x", 62) + "-y": strings.Repeat("x", 62),
	} {
		if got := remediation.LabelValue(in); got != want {
			t.Errorf("LabelValue(%q): got %q, want %q", in, got, want)
		}
	}
}

func oom() signal.Signal {
	return signal.Signal{
		Name: "OOM", Severity: "very high!", Type: v1alpha1.PrometheusAlert, Source: "alertmanager",
		Target: v1alpha1.TargetResource{Kind: "Pod", Name: "cart-1", Namespace: "shop"},
		Labels: map[string]string{"alertname": "OOM"},
	}
}

func submit(t *testing.T, store *remediation.Store, s signal.Signal) remediation.Result {
	t.Helper()
	result, err := store.Submit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// newKube is an API in memory. The e2e suite runs the same store against a real one.
func newKube(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), coordinationv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).
		WithStatusSubresource(&v1alpha1.RemediationRequest{}).
		WithIndex(&v1alpha1.RemediationRequest{}, v1alpha1.FingerprintField, func(o client.Object) []string {
			return []string{o.(*v1alpha1.RemediationRequest).Spec.SignalFingerprint}
		}).Build()
}

func failingCreate[T client.Object](err error) interceptor.Funcs {
	return interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if _, ok := o.(T); ok {
			return err
		}
		return c.Create(ctx, o, opts...)
	}}
}

func requests(t *testing.T, kube client.Client) []v1alpha1.RemediationRequest {
	t.Helper()
	var list v1alpha1.RemediationRequestList
	if err := kube.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func leaseCount(t *testing.T, kube client.Client) int {
	t.Helper()
	var list coordinationv1.LeaseList
	if err := kube.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}
