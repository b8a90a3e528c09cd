package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SignalProcessingKind is the kind of SignalProcessing.
const SignalProcessingKind = "SignalProcessing"

// SignalProcessing asks for the context and the classification of one signal.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=signalprocessings,singular=signalprocessing,shortName=sp,scope=Namespaced
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.status.environmentClassification.environment`
// +kubebuilder:printcolumn:name="Priority",type=string,JSONPath=`.status.priorityAssignment.priority`
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.status.severity`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SignalProcessing struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SignalProcessingSpec   `json:"spec"`
	Status SignalProcessingStatus `json:"status,omitempty"`
}

// SignalProcessingList is a list of SignalProcessings.
//
// +kubebuilder:object:root=true
type SignalProcessingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []SignalProcessing `json:"items"`
}

// SignalProcessingSpec is the signal, and what to find out about it.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable"
type SignalProcessingSpec struct {
	RemediationRequestRef ObjectReference  `json:"remediationRequestRef"`
	Signal                Signal           `json:"signal"`
	EnrichmentConfig      EnrichmentConfig `json:"enrichmentConfig,omitempty"`
}

// Signal is a RemediationRequest's signal, copied.
type Signal struct {
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	Fingerprint string `json:"fingerprint"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Severity is the source's own word.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Severity string `json:"severity"`
	// +kubebuilder:validation:Enum=prometheus-alert;kubernetes-event
	Type SignalType `json:"type"`
	// +kubebuilder:validation:MaxLength=63
	Source string `json:"source,omitempty"`
	// +kubebuilder:validation:Enum=kubernetes
	TargetType     TargetType        `json:"targetType"`
	TargetResource TargetResource    `json:"targetResource"`
	Labels         map[string]string `json:"labels,omitempty"`
	Annotations    map[string]string `json:"annotations,omitempty"`
	FiringTime     *metav1.Time      `json:"firingTime,omitempty"`
	ReceivedTime   *metav1.Time      `json:"receivedTime,omitempty"`
	// +kubebuilder:validation:MaxLength=65536
	ProviderData string `json:"providerData,omitempty"`
}

// EnrichmentConfig says which sources are asked. The zero value asks for the cluster's state alone.
type EnrichmentConfig struct {
	// EnableClusterState is true when absent.
	// +kubebuilder:default=true
	EnableClusterState *bool `json:"enableClusterState,omitempty"`
	// EnableMetrics and EnableHistorical are accepted; no such source exists yet, and a condition says so.
	EnableMetrics    bool `json:"enableMetrics,omitempty"`
	EnableHistorical bool `json:"enableHistorical,omitempty"`
	// Timeout of the enrichment; the controller's default when absent.
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// SignalProcessingPhase is a step of signal processing.
//
// +kubebuilder:validation:Enum=Pending;Enriching;Classifying;Categorizing;Completed;Failed
type SignalProcessingPhase string

// The phases of signal processing in their order. The last two are final.
const (
	SignalProcessingPending      SignalProcessingPhase = "Pending"
	SignalProcessingEnriching    SignalProcessingPhase = "Enriching"
	SignalProcessingClassifying  SignalProcessingPhase = "Classifying"
	SignalProcessingCategorizing SignalProcessingPhase = "Categorizing"
	SignalProcessingCompleted    SignalProcessingPhase = "Completed"
	SignalProcessingFailed       SignalProcessingPhase = "Failed"
)

// Terminal reports whether signal processing stays in this phase for good. The empty phase is not terminal.
func (p SignalProcessingPhase) Terminal() bool {
	return p == SignalProcessingCompleted || p == SignalProcessingFailed
}
