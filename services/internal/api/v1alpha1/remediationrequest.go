package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RemediationRequestKind is the kind of RemediationRequest.
const RemediationRequestKind = "RemediationRequest"

// FingerprintField is the field selector's path of a RemediationRequest's fingerprint.
const FingerprintField = "spec.signalFingerprint"

// Metadata that every RemediationRequest carries.
const (
	SignalTypeLabel        = "kubernaut.ai/signal-type"
	SignalFingerprintLabel = "kubernaut.ai/signal-fingerprint" // the first 63 of the fingerprint's 64 digits: a label holds no more
	SeverityLabel          = "kubernaut.ai/severity"
	CreatedAtAnnotation    = "kubernaut.ai/created-at" // RFC 3339
)

// RemediationRequest asks for the remediation of one signal. The gateway creates it, the orchestrator drives it to its end.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=remediationrequests,singular=remediationrequest,shortName=rr,scope=Namespaced
// +kubebuilder:selectablefield:JSONPath=`.spec.signalFingerprint`
// +kubebuilder:printcolumn:name="Signal",type=string,JSONPath=`.spec.signalName`
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.spec.severity`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.overallPhase`
// +kubebuilder:printcolumn:name="Outcome",type=string,JSONPath=`.status.outcome`
// +kubebuilder:printcolumn:name="Seen",type=integer,JSONPath=`.status.deduplication.occurrenceCount`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RemediationRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RemediationRequestSpec   `json:"spec"`
	Status RemediationRequestStatus `json:"status,omitempty"`
}

// RemediationRequestList is a list of RemediationRequests.
//
// +kubebuilder:object:root=true
type RemediationRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RemediationRequest `json:"items"`
}

// RemediationRequestSpec is the signal, as the gateway normalised it.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable"
type RemediationRequestSpec struct {
	// SignalFingerprint identifies the signal: SHA-256 of "alertname:namespace:kind:name", 64 lower-case hex digits.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SignalFingerprint string `json:"signalFingerprint"`

	// SignalName is the alert's name or the event's reason.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SignalName string `json:"signalName"`

	// Severity is the source's own word; signal processing maps it to a common scale.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Severity string `json:"severity"`

	// SignalType says which kind of signal this is.
	// +kubebuilder:validation:Enum=prometheus-alert;kubernetes-event
	SignalType SignalType `json:"signalType"`

	// SignalSource names the system that sent the signal.
	// +kubebuilder:validation:MaxLength=63
	SignalSource string `json:"signalSource,omitempty"`

	// TargetType says what TargetResource is part of.
	// +kubebuilder:validation:Enum=kubernetes
	TargetType TargetType `json:"targetType"`

	// TargetResource is the workload that the signal is about.
	TargetResource TargetResource `json:"targetResource"`

	// FiringTime is when the source says that the signal started.
	FiringTime metav1.Time `json:"firingTime"`

	// ReceivedTime is when the gateway received the signal.
	ReceivedTime metav1.Time `json:"receivedTime"`

	// SignalLabels are the signal's labels.
	SignalLabels map[string]string `json:"signalLabels,omitempty"`

	// SignalAnnotations are the signal's annotations.
	SignalAnnotations map[string]string `json:"signalAnnotations,omitempty"`

	// ProviderData is a JSON document of what only this signal type has, as text.
	// +kubebuilder:validation:MaxLength=65536
	ProviderData string `json:"providerData,omitempty"`

	// OriginalPayload is the signal as it was received, as text.
	// +kubebuilder:validation:MaxLength=262144
	OriginalPayload string `json:"originalPayload,omitempty"`
}

// SignalType is a kind of signal.
type SignalType string

// The signal types.
const (
	PrometheusAlert SignalType = "prometheus-alert"
	KubernetesEvent SignalType = "kubernetes-event"
)

// TargetType is a kind of infrastructure.
type TargetType string

// KubernetesTarget is a resource of a Kubernetes cluster.
const KubernetesTarget TargetType = "kubernetes"

// TargetResource identifies a workload.
type TargetResource struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Namespace is empty for a cluster-scoped resource.
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}
