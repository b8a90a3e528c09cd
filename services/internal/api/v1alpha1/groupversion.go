package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

// GroupVersion returns the group and version of the types in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: names.APIGroup, Version: names.APIVersion}
}

// AddToScheme registers the types of this package. It has the signature that runtime.SchemeBuilder wants and never fails.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(),
		&RemediationRequest{}, &RemediationRequestList{},
		&RemediationApprovalRequest{}, &RemediationApprovalRequestList{},
		&SignalProcessing{}, &SignalProcessingList{},
		&AIAnalysis{}, &AIAnalysisList{},
		&WorkflowExecution{}, &WorkflowExecutionList{},
		&NotificationRequest{}, &NotificationRequestList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}
