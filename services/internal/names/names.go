// Package names holds every name and port that two parts of the platform must agree on: namespaces, Services, ports,
// the API group, and (in events.go) the audit event types and categories. Code, tests and manifests take them from
// here; a test compares the manifests.
//
// The package holds constants and pure functions. It imports the standard library alone, so that anything may import it.
package names

import (
	"net"
	"strconv"
)

// Namespaces.
const (
	// Namespace holds the platform: all services and all custom resources.
	Namespace = "kubernaut-system"
	// WorkflowNamespace holds the Jobs that workflowexecution starts.
	WorkflowNamespace = "kubernaut-workflows"
)

// Services in the cluster. DataStorageService and HolmesGPTService are also the resource names that access reviews ask for.
const (
	GatewayService     = "gateway"
	DataStorageService = "data-storage-service"
	HolmesGPTService   = "holmesgpt-api-service"
	MockLLMService     = "mock-llm"
	AuthWebhookService = "authwebhook"
)

// Components: the image, folder and actor name of each program.
const (
	DataStorage             = "datastorage"
	Gateway                 = "gateway"
	AIAnalysis              = "aianalysis"
	AuthWebhook             = "authwebhook"
	Notification            = "notification"
	RemediationOrchestrator = "remediationorchestrator"
	SignalProcessing        = "signalprocessing"
	WorkflowExecution       = "workflowexecution"
	HolmesGPTAPI            = "holmesgpt-api"
	MockLLM                 = "mock-llm"
)

// Ports, the same in every program of a kind.
const (
	// HTTPPort serves the API, health routes and metrics of an HTTP service.
	HTTPPort = 8080
	// MetricsPort and ProbePort belong to controllers.
	MetricsPort = 9090
	ProbePort   = 8081
	// WebhookPort serves admission reviews over TLS.
	WebhookPort = 9443
)

// Custom resources.
const (
	APIGroup   = "kubernaut.ai"
	APIVersion = "v1alpha1"
	// DataStorageClientRole is the ClusterRole that callers of datastorage hold.
	DataStorageClientRole = "data-storage-client"
	// HolmesGPTClientRole is the ClusterRole that callers of holmesgpt-api hold.
	HolmesGPTClientRole = "holmesgpt-api-client"
	// WorkflowRunner is the ServiceAccount of the Jobs in WorkflowNamespace.
	WorkflowRunner = "kubernaut-workflow-runner"
)

// SearchWorkflowCatalogTool is the tool that holmesgpt-api offers to the model: a search in datastorage's catalogue.
const SearchWorkflowCatalogTool = "search_workflow_catalog"

// ServiceURL returns the base URL of a Service in the caller's own namespace, without a trailing slash.
func ServiceURL(service string) string {
	return "http://" + net.JoinHostPort(service, strconv.Itoa(HTTPPort))
}
