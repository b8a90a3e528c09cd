package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RemediationRequestStatus is how far the remediation has come.
type RemediationRequestStatus struct {
	// OverallPhase is empty until the orchestrator has seen the object.
	OverallPhase Phase `json:"overallPhase,omitempty"`

	// Message explains the phase to a human.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`

	StartTime           *metav1.Time `json:"startTime,omitempty"`
	ProcessingStartTime *metav1.Time `json:"processingStartTime,omitempty"`
	AnalyzingStartTime  *metav1.Time `json:"analyzingStartTime,omitempty"`
	ExecutingStartTime  *metav1.Time `json:"executingStartTime,omitempty"`
	CompletedAt         *metav1.Time `json:"completedAt,omitempty"`

	SignalProcessingRef     *ObjectReference  `json:"signalProcessingRef,omitempty"`
	AIAnalysisRef           *ObjectReference  `json:"aiAnalysisRef,omitempty"`
	WorkflowExecutionRef    *ObjectReference  `json:"workflowExecutionRef,omitempty"`
	NotificationRequestRefs []ObjectReference `json:"notificationRequestRefs,omitempty"`

	// Deduplication counts how often the signal was received while this request was active. The gateway owns it.
	Deduplication *Deduplication `json:"deduplication,omitempty"`

	// DuplicateOf names the request that this one duplicates.
	DuplicateOf string `json:"duplicateOf,omitempty"`

	// BlockReason, BlockMessage and BlockedUntil say why and how long a blocked request waits.
	// +kubebuilder:validation:Enum=ConsecutiveFailures;DuplicateInProgress;ResourceBusy;RecentlyRemediated;ExponentialBackoff
	BlockReason  string       `json:"blockReason,omitempty"`
	BlockMessage string       `json:"blockMessage,omitempty"`
	BlockedUntil *metav1.Time `json:"blockedUntil,omitempty"`

	// ConsecutiveFailureCount counts the failed requests of the same fingerprint in a row.
	// +kubebuilder:validation:Minimum=0
	ConsecutiveFailureCount int32 `json:"consecutiveFailureCount,omitempty"`

	// FailurePhase is the phase in which the request failed.
	FailurePhase  Phase  `json:"failurePhase,omitempty"`
	FailureReason string `json:"failureReason,omitempty"`

	RequiresManualReview bool `json:"requiresManualReview,omitempty"`

	// Outcome is set once the phase is final.
	Outcome Outcome `json:"outcome,omitempty"`

	// TimeoutPhase is the phase in which the request timed out.
	TimeoutPhase Phase `json:"timeoutPhase,omitempty"`

	// TimeoutConfig overrides the orchestrator's time limits for this request.
	TimeoutConfig *TimeoutConfig `json:"timeoutConfig,omitempty"`

	// LastModifiedBy and LastModifiedAt tell who changed TimeoutConfig, and when. The admission webhook owns them.
	LastModifiedBy string       `json:"lastModifiedBy,omitempty"`
	LastModifiedAt *metav1.Time `json:"lastModifiedAt,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Phase is a step of a remediation.
//
// +kubebuilder:validation:Enum=Pending;Processing;Analyzing;AwaitingApproval;Executing;Blocked;Completed;Failed;TimedOut;Skipped;Cancelled
type Phase string

// The phases of a remediation. The last five are final.
const (
	Pending          Phase = "Pending"
	Processing       Phase = "Processing"
	Analyzing        Phase = "Analyzing"
	AwaitingApproval Phase = "AwaitingApproval"
	Executing        Phase = "Executing"
	Blocked          Phase = "Blocked"
	Completed        Phase = "Completed"
	Failed           Phase = "Failed"
	TimedOut         Phase = "TimedOut"
	Skipped          Phase = "Skipped"
	Cancelled        Phase = "Cancelled"
)

// Terminal reports whether a remediation stays in this phase for good. The empty phase is not terminal.
func (p Phase) Terminal() bool {
	switch p {
	case Completed, Failed, TimedOut, Skipped, Cancelled:
		return true
	default:
		return false
	}
}

// The reasons why a request is Blocked, in the order in which they are looked for.
const (
	BlockConsecutiveFailures = "ConsecutiveFailures"
	BlockDuplicateInProgress = "DuplicateInProgress"
	BlockResourceBusy        = "ResourceBusy"
	BlockRecentlyRemediated  = "RecentlyRemediated"
	BlockExponentialBackoff  = "ExponentialBackoff"
)

// Outcome is what a finished remediation came to.
//
// +kubebuilder:validation:Enum=Remediated;NoActionRequired;ManualReviewRequired
type Outcome string

// The outcomes of a remediation.
const (
	Remediated           Outcome = "Remediated"
	NoActionRequired     Outcome = "NoActionRequired"
	ManualReviewRequired Outcome = "ManualReviewRequired"
)

// ObjectReference names an object that belongs to a remediation.
type ObjectReference struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	// +kubebuilder:validation:MinLength=1
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	UID       string `json:"uid,omitempty"`
}

// Deduplication counts the occurrences of a signal.
type Deduplication struct {
	FirstSeenAt metav1.Time `json:"firstSeenAt"`
	LastSeenAt  metav1.Time `json:"lastSeenAt"`
	// OccurrenceCount is 1 for a signal that was received once.
	// +kubebuilder:validation:Minimum=1
	OccurrenceCount int32 `json:"occurrenceCount"`
}

// TimeoutConfig holds time limits. A nil limit is the orchestrator's default.
type TimeoutConfig struct {
	Global     *metav1.Duration `json:"global,omitempty"`
	Processing *metav1.Duration `json:"processing,omitempty"`
	Analyzing  *metav1.Duration `json:"analyzing,omitempty"`
	Executing  *metav1.Duration `json:"executing,omitempty"`
}
