package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RemediationApprovalRequestKind is the kind of RemediationApprovalRequest.
const RemediationApprovalRequestKind = "RemediationApprovalRequest"

// RemediationApprovalRequest asks a human whether a workflow may run. The orchestrator creates it; a human decides it through
// its status; the admission webhook records who that was.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=remediationapprovalrequests,singular=remediationapprovalrequest,shortName=rar,scope=Namespaced
// +kubebuilder:printcolumn:name="Request",type=string,JSONPath=`.spec.remediationRequestRef.name`
// +kubebuilder:printcolumn:name="Confidence",type=string,JSONPath=`.spec.confidenceLevel`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.status.decision`
// +kubebuilder:printcolumn:name="By",type=string,JSONPath=`.status.decidedBy`
// +kubebuilder:printcolumn:name="Until",type=date,JSONPath=`.spec.requiredBy`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RemediationApprovalRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RemediationApprovalRequestSpec   `json:"spec"`
	Status RemediationApprovalRequestStatus `json:"status,omitempty"`
}

// RemediationApprovalRequestList is a list of RemediationApprovalRequests.
//
// +kubebuilder:object:root=true
type RemediationApprovalRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RemediationApprovalRequest `json:"items"`
}

// RemediationApprovalRequestSpec is what the human decides on.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable"
type RemediationApprovalRequestSpec struct {
	RemediationRequestRef ObjectReference `json:"remediationRequestRef"`
	AIAnalysisRef         ObjectReference `json:"aiAnalysisRef"`

	// Confidence of the analysis, 0 to 1.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	Confidence float64 `json:"confidence"`

	// ConfidenceLevel puts Confidence into a word: low below 0.6, medium below 0.8, else high.
	// +kubebuilder:validation:Enum=low;medium;high
	ConfidenceLevel ConfidenceLevel `json:"confidenceLevel"`

	// Reason is the policy's reason to ask.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Reason string `json:"reason"`

	RecommendedWorkflow RecommendedWorkflow `json:"recommendedWorkflow"`

	// +kubebuilder:validation:MaxLength=8192
	InvestigationSummary string `json:"investigationSummary,omitempty"`
	// +kubebuilder:validation:MaxItems=100
	EvidenceCollected []string `json:"evidenceCollected,omitempty"`
	// +kubebuilder:validation:MaxItems=100
	RecommendedActions []RecommendedAction `json:"recommendedActions,omitempty"`
	// +kubebuilder:validation:MaxItems=100
	AlternativesConsidered []AlternativeWorkflow `json:"alternativesConsidered,omitempty"`
	// +kubebuilder:validation:MaxLength=2048
	WhyApprovalRequired string            `json:"whyApprovalRequired,omitempty"`
	PolicyEvaluation    *PolicyEvaluation `json:"policyEvaluation,omitempty"`

	// RequiredBy is when the request expires.
	RequiredBy metav1.Time `json:"requiredBy"`
}

// ConfidenceLevel is a confidence in a word.
type ConfidenceLevel string

// The confidence levels.
const (
	LowConfidence    ConfidenceLevel = "low"
	MediumConfidence ConfidenceLevel = "medium"
	HighConfidence   ConfidenceLevel = "high"
)

// RecommendedWorkflow is the workflow that waits for the approval.
type RecommendedWorkflow struct {
	// +kubebuilder:validation:MinLength=1
	WorkflowID string `json:"workflowId"`
	// +kubebuilder:validation:MinLength=1
	Version        string `json:"version"`
	ContainerImage string `json:"containerImage,omitempty"`
	Rationale      string `json:"rationale,omitempty"`
}

// RecommendedAction is one thing that the analysis proposes.
type RecommendedAction struct {
	// +kubebuilder:validation:MinLength=1
	Action    string `json:"action"`
	Rationale string `json:"rationale,omitempty"`
}

// PolicyEvaluation tells which policy asked for the approval.
type PolicyEvaluation struct {
	PolicyName string `json:"policyName,omitempty"`
	PolicyHash string `json:"policyHash,omitempty"`
	Decision   string `json:"decision,omitempty"`
}

// RemediationApprovalRequestStatus is the decision. DecidedBy and DecidedAt belong to the admission webhook.
type RemediationApprovalRequestStatus struct {
	// Decision is empty until a human has decided or the time is over.
	Decision Decision `json:"decision,omitempty"`
	// DecidedBy is the name of the authenticated user who wrote Decision.
	DecidedBy string       `json:"decidedBy,omitempty"`
	DecidedAt *metav1.Time `json:"decidedAt,omitempty"`
	// +kubebuilder:validation:MaxLength=2048
	DecisionMessage string       `json:"decisionMessage,omitempty"`
	CreatedAt       *metav1.Time `json:"createdAt,omitempty"`
	Expired         bool         `json:"expired,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Decision on a RemediationApprovalRequest.
//
// +kubebuilder:validation:Enum="";Approved;Rejected;Expired
type Decision string

// The decisions. Only the orchestrator writes Expired.
const (
	Undecided Decision = ""
	Approved  Decision = "Approved"
	Rejected  Decision = "Rejected"
	Expired   Decision = "Expired"
)
