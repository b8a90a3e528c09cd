package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/alerts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

func (s *suite) truncated(t *testing.T) {
	body := s.alert("GW5").Webhook()
	s.wantProblem(t, wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: body[:len(body)/2]}, http.StatusBadRequest, "not JSON")
}

func (s *suite) nameless(t *testing.T) {
	alert := s.alert("GW6")
	alert.Name = ""
	s.wantProblem(t, wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: alert.Webhook()}, http.StatusBadRequest, "alertname")
}

func (s *suite) timestamp(t *testing.T) {
	for name, test := range map[string]struct{ stamp, detail string }{
		"missing":     {"", "is required"},
		"not_numeric": {"yesterday", "must be unix seconds"},
		"negative":    {"-1", "must not be negative"},
		"6_min_old":   {alerts.Stamp(-6 * time.Minute), "too old"},
		"3_min_ahead": {alerts.Stamp(3 * time.Minute), "in the future"},
	} {
		t.Run("GW7_"+name, func(t *testing.T) {
			request := wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: s.alert("GW7").Webhook(), Header: map[string]string{alerts.TimestampHeader: test.stamp}}
			s.wantProblem(t, request, http.StatusBadRequest, test.detail)
		})
	}
	t.Run("GW7_1_min_ahead_passes", func(t *testing.T) {
		header := alerts.Headers()
		header[alerts.TimestampHeader] = alerts.Stamp(time.Minute)
		response := s.do(t, wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: s.alert("GW7").Webhook(), Header: header})
		if response.Status != http.StatusCreated {
			t.Errorf("got %d %s, want 201", response.Status, response.Body)
		}
	})
}

func (s *suite) method(t *testing.T) {
	for _, method := range []string{"PUT", "GET"} {
		t.Run("GW8_"+method, func(t *testing.T) {
			s.wantProblem(t, wire.Request{Method: method, Path: alerts.PrometheusPath}, http.StatusMethodNotAllowed, "POST")
		})
	}
}

func (s *suite) contentType(t *testing.T) {
	request := wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: s.alert("GW9").Webhook()}
	request.Header = map[string]string{"Content-Type": "text/plain"}
	s.wantProblem(t, request, http.StatusUnsupportedMediaType, "application/json")
	request.Header = map[string]string{"Content-Type": "application/json; charset=utf-8", alerts.TimestampHeader: alerts.Stamp(0)}
	if response := s.do(t, request); response.Status != http.StatusCreated {
		t.Errorf("with a charset: got %d %s, want 201", response.Status, response.Body)
	}
}

func (s *suite) routes(t *testing.T) {
	for _, path := range []string{"/health", "/healthz", "/ready", "/metrics"} {
		if response := s.do(t, wire.Request{Path: path}); response.Status != http.StatusOK {
			t.Errorf("%s: got %d, want 200", path, response.Status)
		}
	}
	s.wantProblem(t, wire.Request{Method: "POST", Path: "/api/v1/signals/pager"}, http.StatusNotFound, "/api/v1/signals/pager")
}

func (s *suite) unauthorized(t *testing.T) {
	_, unbound := s.NewAccount(t, "unbound")
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"no_token":                {"", http.StatusUnauthorized},
		"garbage":                 {"not-a-token", http.StatusUnauthorized},
		"unbound_service_account": {unbound, http.StatusForbidden},
		"bound_service_account":   {s.DataStorage.Token, http.StatusOK},
	} {
		t.Run("GW21_"+name, func(t *testing.T) {
			request := wire.Request{Path: records.EventsPath + "?limit=1", Token: test.token}
			if _, err := s.DataStorage.Service.Want(t.Context(), test.want, request); err != nil {
				t.Error(err)
			}
		})
	}
}

func (s *suite) schema(t *testing.T) {
	_, answer := s.post(t, s.alert("GW22"))
	good := s.get(t, answer)
	for name, spoil := range map[string]func(*api.RemediationRequestSpec){
		"short_fingerprint": func(spec *api.RemediationRequestSpec) { spec.SignalFingerprint = "abc" },
		"unknown_type":      func(spec *api.RemediationRequestSpec) { spec.SignalType = "pager" },
		"no_name":           func(spec *api.RemediationRequestSpec) { spec.SignalName = "" },
		"no_target":         func(spec *api.RemediationRequestSpec) { spec.TargetResource.Kind = "" },
	} {
		t.Run("GW22_"+name, func(t *testing.T) {
			bad := &api.RemediationRequest{Spec: *good.Spec.DeepCopy()}
			bad.ObjectMeta = metav1.ObjectMeta{GenerateName: "e2e-" + s.Run + "-", Namespace: s.Namespace}
			spoil(&bad.Spec)
			if err := s.Client.Create(t.Context(), bad, client.DryRunAll); !apierrors.IsInvalid(err) {
				t.Errorf("got error %v, want that the object is invalid", err)
			}
		})
	}
	t.Run("GW22_spec_is_immutable", func(t *testing.T) {
		changed := good.DeepCopy()
		changed.Spec.Severity = "low"
		if err := s.Client.Update(t.Context(), changed, client.DryRunAll); !apierrors.IsInvalid(err) {
			t.Errorf("got error %v, want that the change is invalid", err)
		}
	})
}

func (s *suite) oversized(t *testing.T) {
	alert := s.alert("GW23")
	alert.Summary = strings.Repeat("x", 300<<10)
	s.wantProblem(t, wire.Request{Method: "POST", Path: alerts.PrometheusPath, Body: alert.Webhook()}, http.StatusRequestEntityTooLarge, "bytes")
}
