package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkflowExecutionStatus is how far the execution has come.
type WorkflowExecutionStatus struct {
	// Phase is empty until the controller has seen the object.
	Phase          WorkflowExecutionPhase `json:"phase,omitempty"`
	StartTime      *metav1.Time           `json:"startTime,omitempty"`
	CompletionTime *metav1.Time           `json:"completionTime,omitempty"`
	// Duration is from StartTime to CompletionTime, as Go writes it.
	Duration string `json:"duration,omitempty"`

	// ExecutionRef names the Job.
	ExecutionRef    *ObjectReference `json:"executionRef,omitempty"`
	ExecutionStatus *ExecutionStatus `json:"executionStatus,omitempty"`

	FailureReason  FailureReason   `json:"failureReason,omitempty"`
	FailureDetails *FailureDetails `json:"failureDetails,omitempty"`

	// BlockClearance lets the next execution on a target go on after too many failures. A human writes ClearReason; the
	// admission webhook owns ClearedBy and ClearedAt.
	BlockClearance *BlockClearance `json:"blockClearance,omitempty"`

	ConsecutiveFailures  int32        `json:"consecutiveFailures,omitempty"`
	NextAllowedExecution *metav1.Time `json:"nextAllowedExecution,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ExecutionStatus is the Job's own progress.
type ExecutionStatus struct {
	Status         string `json:"status,omitempty"`
	Reason         string `json:"reason,omitempty"`
	Message        string `json:"message,omitempty"`
	CompletedTasks int32  `json:"completedTasks"`
	TotalTasks     int32  `json:"totalTasks"`
}

// FailureReason is why an execution failed.
//
// +kubebuilder:validation:Enum=OOMKilled;DeadlineExceeded;Forbidden;ResourceExhausted;ConfigurationError;ImagePullBackOff;TaskFailed;Unknown
type FailureReason string

// The reasons of a failure.
const (
	FailureOOMKilled          FailureReason = "OOMKilled"
	FailureDeadlineExceeded   FailureReason = "DeadlineExceeded"
	FailureForbidden          FailureReason = "Forbidden"
	FailureResourceExhausted  FailureReason = "ResourceExhausted"
	FailureConfigurationError FailureReason = "ConfigurationError"
	FailureImagePullBackOff   FailureReason = "ImagePullBackOff"
	FailureTaskFailed         FailureReason = "TaskFailed"
	FailureUnknown            FailureReason = "Unknown"
)

// FailureDetails is the whole story of a failure.
type FailureDetails struct {
	Reason   FailureReason `json:"reason"`
	Message  string        `json:"message,omitempty"`
	ExitCode *int32        `json:"exitCode,omitempty"`
	FailedAt metav1.Time   `json:"failedAt"`
	// ExecutionTimeBeforeFailure is as Go writes a duration.
	ExecutionTimeBeforeFailure string `json:"executionTimeBeforeFailure,omitempty"`
	NaturalLanguageSummary     string `json:"naturalLanguageSummary,omitempty"`
	// WasExecutionFailure is false when the workflow never started, so that the target was not touched.
	WasExecutionFailure bool   `json:"wasExecutionFailure"`
	FailedTaskName      string `json:"failedTaskName,omitempty"`
	FailedStepName      string `json:"failedStepName,omitempty"`
}

// BlockClearance is a human's word that a target may be worked on again.
type BlockClearance struct {
	ClearedAt *metav1.Time `json:"clearedAt,omitempty"`
	ClearedBy string       `json:"clearedBy,omitempty"`
	// ClearReason has at least ten words; the admission webhook counts.
	// +kubebuilder:validation:MaxLength=2048
	ClearReason string `json:"clearReason,omitempty"`
	// +kubebuilder:validation:Enum=Annotation;APIEndpoint;StatusField
	ClearMethod string `json:"clearMethod,omitempty"`
}
