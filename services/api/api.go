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

// Bodies on the wire, and their parts.
type (
	AuditEvent      = audit.Event
	EventType       = names.EventType
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

// Names and ports in the cluster. The namespaces are not among them: a suite finds its own in its environment. Components that
// are called like a custom resource have a longer name.
const (
	GatewayService             = names.GatewayService
	DataStorageService         = names.DataStorageService
	HolmesGPTService           = names.HolmesGPTService
	MockLLMService             = names.MockLLMService
	AuthWebhookService         = names.AuthWebhookService
	DataStorage                = names.DataStorage
	Gateway                    = names.Gateway
	AIAnalysisComponent        = names.AIAnalysis
	AuthWebhook                = names.AuthWebhook
	Notification               = names.Notification
	RemediationOrchestrator    = names.RemediationOrchestrator
	SignalProcessingComponent  = names.SignalProcessing
	WorkflowExecutionComponent = names.WorkflowExecution
	HolmesGPTAPI               = names.HolmesGPTAPI
	MockLLM                    = names.MockLLM
	HTTPPort                   = names.HTTPPort
	MetricsPort                = names.MetricsPort
	ProbePort                  = names.ProbePort
	WebhookPort                = names.WebhookPort
	APIGroup                   = names.APIGroup
	APIVersion                 = names.APIVersion
	DataStorageClientRole      = names.DataStorageClientRole
	HolmesGPTClientRole        = names.HolmesGPTClientRole
	SearchWorkflowCatalogTool  = names.SearchWorkflowCatalogTool
	WorkflowRunner             = names.WorkflowRunner
)

// ProblemContentType is the media type of a problem body.
const ProblemContentType = problem.ContentType

// AddToScheme registers the custom resources.
func AddToScheme(scheme *runtime.Scheme) error { return v1alpha1.AddToScheme(scheme) }
