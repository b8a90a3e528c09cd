package aianalysis_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
)

// probes answer within a second; a machine that is busy may need a second chance.
func (s *suite) probes(t *testing.T) {
	pod := s.controller(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		s.Eventually(t, func(ctx context.Context) error {
			bounded, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			got, err := s.GetFromPod(bounded, pod, api.ProbePort, path)
			if err == nil && got.Status != http.StatusOK {
				err = fmt.Errorf("%s answers %d %s, want 200", path, got.Status, got.Body)
			}
			return err
		})
	}
}

// finished changes the status of a finished analysis. By the time that a later one is done, the controller has had the
// change before its eyes.
func (s *suite) finished(t *testing.T) {
	object := s.analyse(t, s.analysis("aa17", "OOMKilled", staging), api.AIAnalysisCompleted, "")
	s.trail(t, object, completed())
	object.Status.Message = "written by another"
	if err := s.Client.Status().Update(t.Context(), &object); err != nil {
		t.Fatal(err)
	}
	later := s.analyse(t, s.analysis("aa17-later", "OOMKilled", staging), api.AIAnalysisCompleted, "")
	s.trail(t, later, completed())
	var got api.AIAnalysis
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(&object), &got); err != nil {
		t.Fatal(err)
	}
	if got.ResourceVersion != object.ResourceVersion {
		t.Errorf("got version %s with message %q, want it as it was left: %s", got.ResourceVersion, got.Status.Message, object.ResourceVersion)
	}
	s.trail(t, object, completed())
}

func (s *suite) schema(t *testing.T) {
	for field, change := range map[string]func(*api.AIAnalysisSpec){
		"fingerprint":           func(spec *api.AIAnalysisSpec) { spec.AnalysisRequest.SignalContext.Fingerprint = "x" },
		"severity":              func(spec *api.AIAnalysisSpec) { spec.AnalysisRequest.SignalContext.Severity = "huge" },
		"signalType":            func(spec *api.AIAnalysisSpec) { spec.AnalysisRequest.SignalContext.SignalType = "" },
		"businessPriority":      func(spec *api.AIAnalysisSpec) { spec.AnalysisRequest.SignalContext.BusinessPriority = "P9" },
		"recoveryAttemptNumber": func(spec *api.AIAnalysisSpec) { spec.RecoveryAttemptNumber = -1 },
	} {
		object := s.analysis("aa18-refused", "OOMKilled", staging)
		change(&object.Spec)
		if err := s.Client.Create(t.Context(), object); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got error %v, want it to be refused by name", field, err)
		}
	}
	object := s.analyse(t, s.analysis("aa18", "OOMKilled", staging), api.AIAnalysisCompleted, "")
	object.Spec.IsRecoveryAttempt = true
	if err := s.Client.Update(t.Context(), &object); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec is immutable") {
		t.Errorf("changed spec: got error %v, want it to be refused", err)
	}
}

func (s *suite) metrics(t *testing.T) {
	before := s.scrape(t)
	s.analyse(t, s.analysis("aa19", "OOMKilled", production), api.AIAnalysisCompleted, "")
	after := s.scrape(t)
	for name, label := range map[string]string{
		"kubernaut_aianalysis_phases_total":                 `outcome="success",phase="Investigating"`,
		"kubernaut_aianalysis_phase_duration_seconds_count": `phase="Investigating"`,
		"kubernaut_aianalysis_holmesgpt_calls_total":        `outcome="success"`,
		"kubernaut_aianalysis_analyses_total":               `phase="Completed",sub_reason="none"`,
		"kubernaut_aianalysis_approval_decisions_total":     `required="true"`,
	} {
		was, _ := before.Metric(name, label)
		is, found := after.Metric(name, label)
		if !found || is <= was {
			t.Errorf("%s{%s}: got %v before and %v after an analysis, want it to rise", name, label, was, is)
		}
	}
}

func (s *suite) rights(t *testing.T) {
	for _, test := range []struct {
		verb, group, resource, namespace string
		want                             bool
	}{
		{"list", "kubernaut.ai", "aianalyses", s.Namespace, true},
		{"update", "kubernaut.ai", "aianalyses/status", s.Namespace, true},
		{"update", "kubernaut.ai", "aianalyses", s.Namespace, false},
		{"update", "kubernaut.ai", "aianalyses/status", "kube-system", false},
		{"list", "kubernaut.ai", "remediationrequests", s.Namespace, false},
		{"get", "", "secrets", s.Namespace, false},
		{"get", "", "pods", s.Namespace, false},
	} {
		got, err := s.may(t.Context(), test.verb, test.group, test.resource, test.namespace, "")
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("%s %s in %s: got %t, want %t", test.verb, test.resource, test.namespace, got, test.want)
		}
	}
}
