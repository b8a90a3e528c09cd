package remediation

import (
	"strings"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/gateway/signal"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// maxLabel is the longest label value
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set).
const maxLabel = 63

// newRequest returns the RemediationRequest of a signal, under a name that no other has.
func newRequest(s signal.Signal, namespace string, received time.Time) *v1alpha1.RemediationRequest {
	fingerprint := s.Fingerprint()
	firing := s.FiringTime
	if firing.IsZero() {
		firing = received
	}
	return &v1alpha1.RemediationRequest{
		TypeMeta: metav1.TypeMeta{APIVersion: names.APIGroup + "/" + names.APIVersion, Kind: v1alpha1.RemediationRequestKind},
		ObjectMeta: metav1.ObjectMeta{
			Name:      "rr-" + fingerprint[:12] + "-" + uuid.NewString()[:8],
			Namespace: namespace,
			Labels: map[string]string{
				v1alpha1.SignalTypeLabel:        string(s.Type),
				v1alpha1.SignalFingerprintLabel: fingerprint[:maxLabel],
				v1alpha1.SeverityLabel:          LabelValue(s.Severity),
			},
			Annotations: map[string]string{v1alpha1.CreatedAtAnnotation: received.UTC().Format(time.RFC3339)},
		},
		Spec: v1alpha1.RemediationRequestSpec{
			SignalFingerprint: fingerprint,
			SignalName:        s.Name,
			Severity:          s.Severity,
			SignalType:        s.Type,
			SignalSource:      s.Source,
			TargetType:        v1alpha1.KubernetesTarget,
			TargetResource:    s.Target,
			FiringTime:        metav1.NewTime(firing),
			ReceivedTime:      metav1.NewTime(received),
			SignalLabels:      s.Labels,
			SignalAnnotations: s.Annotations,
			ProviderData:      s.ProviderData,
			OriginalPayload:   s.Payload,
		},
	}
}

// LabelValue returns text as a valid label value: other characters become "-", what is too long is cut off.
func LabelValue(text string) string {
	value := strings.Map(func(r rune) rune {
		if alphanumeric(r) || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, text)
	value = value[:min(len(value), maxLabel)]
	return strings.TrimFunc(value, func(r rune) bool { return !alphanumeric(r) })
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
