package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SignalProcessingStatus is what was found out about the signal.
type SignalProcessingStatus struct {
	// Phase is empty until the controller has seen the object.
	Phase          SignalProcessingPhase `json:"phase,omitempty"`
	StartTime      *metav1.Time          `json:"startTime,omitempty"`
	CompletionTime *metav1.Time          `json:"completionTime,omitempty"`

	KubernetesContext         *KubernetesContext         `json:"kubernetesContext,omitempty"`
	EnvironmentClassification *EnvironmentClassification `json:"environmentClassification,omitempty"`
	PriorityAssignment        *PriorityAssignment        `json:"priorityAssignment,omitempty"`
	BusinessClassification    *BusinessClassification    `json:"businessClassification,omitempty"`

	// Severity is the signal's severity on the common scale.
	// +kubebuilder:validation:Enum=critical;high;medium;low;unknown
	Severity string `json:"severity,omitempty"`

	// PolicyHash is the SHA-256, in lower-case hex digits, of the policies that classified the signal.
	PolicyHash string `json:"policyHash,omitempty"`

	Error               string       `json:"error,omitempty"`
	ConsecutiveFailures int32        `json:"consecutiveFailures,omitempty"`
	LastFailureTime     *metav1.Time `json:"lastFailureTime,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// KubernetesContext is what the cluster says about the signal's target. Each block is nil when it does not apply.
type KubernetesContext struct {
	Namespace   *NamespaceContext `json:"namespace,omitempty"`
	Pod         *PodContext       `json:"pod,omitempty"`
	Deployment  *WorkloadContext  `json:"deployment,omitempty"`
	StatefulSet *WorkloadContext  `json:"statefulSet,omitempty"`
	DaemonSet   *WorkloadContext  `json:"daemonSet,omitempty"`
	ReplicaSet  *WorkloadContext  `json:"replicaSet,omitempty"`
	Service     *ServiceContext   `json:"service,omitempty"`
	Node        *NodeContext      `json:"node,omitempty"`

	// OwnerChain goes from the target's controller to the topmost owner.
	OwnerChain     []OwnerReference  `json:"ownerChain,omitempty"`
	DetectedLabels *DetectedLabels   `json:"detectedLabels,omitempty"`
	CustomLabels   map[string]string `json:"customLabels,omitempty"`

	// DegradedMode says that the target could not be read: classification used the signal alone.
	DegradedMode bool `json:"degradedMode,omitempty"`
}

// NamespaceContext is the target's namespace.
type NamespaceContext struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodContext is a pod.
type PodContext struct {
	Name         string            `json:"name"`
	Phase        string            `json:"phase,omitempty"`
	NodeName     string            `json:"nodeName,omitempty"`
	RestartCount int32             `json:"restartCount,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Containers   []ContainerState  `json:"containers,omitempty"`
}

// ContainerState is one container's state.
type ContainerState struct {
	Name         string `json:"name"`
	Image        string `json:"image,omitempty"`
	Ready        bool   `json:"ready"`
	RestartCount int32  `json:"restartCount,omitempty"`
	// State is Waiting, Running or Terminated.
	State  string `json:"state,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// WorkloadContext is a workload with replicas. For a DaemonSet, replicas are scheduled pods.
type WorkloadContext struct {
	Name              string            `json:"name"`
	Replicas          int32             `json:"replicas"`
	ReadyReplicas     int32             `json:"readyReplicas"`
	AvailableReplicas int32             `json:"availableReplicas"`
	Labels            map[string]string `json:"labels,omitempty"`
}

// ServiceContext is a Service.
type ServiceContext struct {
	Name     string            `json:"name"`
	Type     string            `json:"type,omitempty"`
	Selector map[string]string `json:"selector,omitempty"`
	Ports    []int32           `json:"ports,omitempty"`
}

// NodeContext is a node.
type NodeContext struct {
	Name          string            `json:"name"`
	Ready         bool              `json:"ready"`
	Unschedulable bool              `json:"unschedulable,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	// Pressure lists the conditions, such as MemoryPressure, that are true.
	Pressure []string `json:"pressure,omitempty"`
}

// OwnerReference is one owner of a resource.
type OwnerReference struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// DetectedLabels are properties that follow from the cluster's state.
type DetectedLabels struct {
	IsProduction      bool   `json:"isProduction,omitempty"`
	HasResourceLimits bool   `json:"hasResourceLimits,omitempty"`
	HelmManaged       bool   `json:"helmManaged,omitempty"`
	GitOpsManaged     bool   `json:"gitOpsManaged,omitempty"`
	HasPDB            bool   `json:"hasPDB,omitempty"`
	HasHPA            bool   `json:"hasHPA,omitempty"`
	Stateful          bool   `json:"stateful,omitempty"`
	NetworkIsolated   bool   `json:"networkIsolated,omitempty"`
	ServiceMesh       string `json:"serviceMesh,omitempty"`
	// FailedDetections names the properties that could not be read.
	FailedDetections []string `json:"failedDetections,omitempty"`
}

// EnvironmentClassification says which environment the target belongs to.
type EnvironmentClassification struct {
	// Environment is production, staging, development, test or what the policy answers; "unknown" when nothing tells.
	Environment string `json:"environment"`
	// Source is namespace-labels, namespace-name, policy or default.
	Source       string      `json:"source"`
	ClassifiedAt metav1.Time `json:"classifiedAt"`
}

// PriorityAssignment says how urgent the signal is.
type PriorityAssignment struct {
	// +kubebuilder:validation:Enum=P0;P1;P2;P3
	Priority   string      `json:"priority"`
	Source     string      `json:"source"`
	PolicyName string      `json:"policyName,omitempty"`
	AssignedAt metav1.Time `json:"assignedAt"`
}

// BusinessClassification says whose workload it is and what it is worth.
type BusinessClassification struct {
	BusinessUnit   string `json:"businessUnit,omitempty"`
	ServiceOwner   string `json:"serviceOwner,omitempty"`
	Criticality    string `json:"criticality,omitempty"`
	SLARequirement string `json:"slaRequirement,omitempty"`
}
