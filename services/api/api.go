// Package api is what code outside of services may know of the platform: its custom resources, the names in a cluster,
// the audit event types, the workflow ids.
//
// Go lets only services import services/internal. The suites stand outside on purpose, so that they test what a user
// gets; this package opens exactly the part that they share with the services, by aliases and nothing else. Add a line
// here rather than a copy there.
package api

import (
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Custom resources.
type (
	RemediationRequest       = v1alpha1.RemediationRequest
	RemediationRequestList   = v1alpha1.RemediationRequestList
	RemediationRequestSpec   = v1alpha1.RemediationRequestSpec
	RemediationRequestStatus = v1alpha1.RemediationRequestStatus
	TargetResource           = v1alpha1.TargetResource
)

// Bodies on the wire.
type (
	AuditEvent      = audit.Event
	Problem         = problem.Details
	Page            = catalog.Page
	Workflow        = catalog.Workflow
	WorkflowLabels  = catalog.Labels
	WorkflowListing = catalog.Listing
	SearchRequest   = catalog.SearchRequest
	SearchFilters   = catalog.Filters
	SearchResponse  = catalog.SearchResponse
)

// What a workflow says.
const (
	StatusActive     = catalog.StatusActive
	StatusDisabled   = catalog.StatusDisabled
	StatusDeprecated = catalog.StatusDeprecated
	StatusArchived   = catalog.StatusArchived
	AnyLabel         = catalog.Any
)

// What a RemediationRequest says, and how it is found.
const (
	PrometheusAlert        = v1alpha1.PrometheusAlert
	KubernetesEvent        = v1alpha1.KubernetesEvent
	KubernetesTarget       = v1alpha1.KubernetesTarget
	Failed                 = v1alpha1.Failed
	FingerprintField       = v1alpha1.FingerprintField
	SignalTypeLabel        = v1alpha1.SignalTypeLabel
	SignalFingerprintLabel = v1alpha1.SignalFingerprintLabel
	SeverityLabel          = v1alpha1.SeverityLabel
	CreatedAtAnnotation    = v1alpha1.CreatedAtAnnotation
)

// Names in the cluster.
const (
	Gateway               = names.Gateway
	DataStorage           = names.DataStorage
	DataStorageClientRole = names.DataStorageClientRole
	HTTPPort              = names.HTTPPort
)

// What an audit event says.
const (
	CategoryGateway = names.CategoryGateway
	CategoryWebhook = names.CategoryWebhook
	OutcomeSuccess  = names.OutcomeSuccess
	OutcomeFailure  = names.OutcomeFailure
)

// Audit event types.
const (
	EventSignalReceived     = names.EventSignalReceived
	EventSignalDeduplicated = names.EventSignalDeduplicated
	EventCRDCreated         = names.EventCRDCreated
	EventWorkflowCreated    = names.EventWorkflowCreated
	EventWorkflowUpdated    = names.EventWorkflowUpdated
	EventSearchCompleted    = names.EventSearchCompleted
)

// ProblemContentType is the media type of a problem body.
const ProblemContentType = problem.ContentType

// AddToScheme registers the custom resources.
func AddToScheme(scheme *runtime.Scheme) error { return v1alpha1.AddToScheme(scheme) }
