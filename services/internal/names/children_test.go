package names_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestChildren(t *testing.T) {
	const request = "rr-0123456789ab-deadbeef"
	got := []string{
		names.SignalProcessingName(request), names.AIAnalysisName(request), names.WorkflowExecutionName(request), names.ApprovalRequestName(request),
		names.ApprovalNotificationName(request), names.ManualReviewNotificationName(request), names.CompletionNotificationName(request),
	}
	want := []string{
		"sp-" + request, "ai-" + request, "we-" + request, "rar-" + request,
		"nr-approval-" + request, "nr-manual-review-" + request, "nr-completion-" + request,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestLongNamesOfChildrenStayApart(t *testing.T) {
	long := strings.Repeat("a", 240) + "." + strings.Repeat("b", 11)
	one, other := names.ManualReviewNotificationName(long+"1"), names.ManualReviewNotificationName(long+"2")
	if one == other || len(one) > 253 || strings.Contains(one, ".-") {
		t.Errorf("got %q and %q, want two different names of at most 253 characters", one, other)
	}
}
