package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkflowExecutionKind is the kind of WorkflowExecution.
const WorkflowExecutionKind = "WorkflowExecution"

// WorkflowExecutionFinalizer holds a WorkflowExecution until its Job is gone.
const WorkflowExecutionFinalizer = "workflowexecution.kubernaut.ai/workflowexecution-cleanup"

// WorkflowExecution asks for one run of one workflow against one target.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=workflowexecutions,singular=workflowexecution,shortName=wfe,scope=Namespaced
// +kubebuilder:selectablefield:JSONPath=`.spec.targetResource`
// +kubebuilder:printcolumn:name="Workflow",type=string,JSONPath=`.spec.workflowRef.workflowId`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetResource`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Failure",type=string,JSONPath=`.status.failureReason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type WorkflowExecution struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   WorkflowExecutionSpec   `json:"spec"`
	Status WorkflowExecutionStatus `json:"status,omitempty"`
}

// WorkflowExecutionList is a list of WorkflowExecutions.
//
// +kubebuilder:object:root=true
type WorkflowExecutionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []WorkflowExecution `json:"items"`
}

// TargetResourceField is the field selector's path of a WorkflowExecution's target.
const TargetResourceField = "spec.targetResource"

// WorkflowExecutionSpec says what to run, and against what.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable"
type WorkflowExecutionSpec struct {
	RemediationRequestRef ObjectReference `json:"remediationRequestRef"`
	WorkflowRef           WorkflowRef     `json:"workflowRef"`

	// TargetResource is "<namespace>/<kind>/<name>", or "<kind>/<name>" of a cluster-scoped resource. One workflow runs
	// against it at a time.
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[A-Za-z][A-Za-z0-9]*/[a-z0-9]([-.a-z0-9:]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=512
	TargetResource string `json:"targetResource"`

	// Parameters become environment variables of the workflow's container. A name that is none of an environment variable
	// ends the execution as a ConfigurationError: a schema rule with a regular expression over keys of unknown length would
	// exceed the API server's cost limit.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, key != 'TARGET_RESOURCE')",message="TARGET_RESOURCE is the target's, no parameter's"
	Parameters map[string]ParameterValue `json:"parameters,omitempty"`

	// Confidence of the analysis, 0 to 1.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	Confidence float64 `json:"confidence,omitempty"`
	// +kubebuilder:validation:MaxLength=8192
	Rationale string `json:"rationale,omitempty"`

	ExecutionConfig *ExecutionConfig `json:"executionConfig,omitempty"`

	// ExecutionEngine is what runs the workflow: a Kubernetes Job.
	// +kubebuilder:validation:Enum=job
	// +kubebuilder:default=job
	ExecutionEngine ExecutionEngine `json:"executionEngine,omitempty"`
}

// ParameterValue is the value of a workflow's parameter.
//
// +kubebuilder:validation:MaxLength=4096
type ParameterValue string

// WorkflowRef identifies a workflow of the catalogue and its image.
type WorkflowRef struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	WorkflowID string `json:"workflowId"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	ContainerImage string `json:"containerImage"`
	// ContainerDigest pins ContainerImage; empty means that the image's own reference is taken as it is.
	// +kubebuilder:validation:Pattern=`^(sha256:[0-9a-f]{64})?$`
	ContainerDigest string `json:"containerDigest,omitempty"`
}

// ExecutionConfig is how a workflow runs.
type ExecutionConfig struct {
	// Timeout is the Job's active deadline; the controller's default when absent.
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// ServiceAccountName is the Job's account; the controller's default when empty.
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// MemoryLimit of the workflow's container, a quantity such as 64Mi; the controller's default when empty.
	// +kubebuilder:validation:Pattern=`^([1-9][0-9]*(Ki|Mi|Gi)?)?$`
	MemoryLimit string `json:"memoryLimit,omitempty"`
}

// ExecutionEngine runs workflows.
type ExecutionEngine string

// JobEngine runs a workflow as a Kubernetes Job.
const JobEngine ExecutionEngine = "job"

// WorkflowExecutionPhase is a step of an execution.
//
// +kubebuilder:validation:Enum=Pending;Running;Completed;Failed
type WorkflowExecutionPhase string

// The phases of an execution in their order. The last two are final.
const (
	WorkflowExecutionPending   WorkflowExecutionPhase = "Pending"
	WorkflowExecutionRunning   WorkflowExecutionPhase = "Running"
	WorkflowExecutionCompleted WorkflowExecutionPhase = "Completed"
	WorkflowExecutionFailed    WorkflowExecutionPhase = "Failed"
)

// Terminal reports whether the execution stays in this phase for good. The empty phase is not terminal.
func (p WorkflowExecutionPhase) Terminal() bool {
	return p == WorkflowExecutionCompleted || p == WorkflowExecutionFailed
}
