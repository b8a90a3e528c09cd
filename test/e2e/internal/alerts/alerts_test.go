package alerts_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/e2e/internal/alerts"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

var alert = alerts.Alert{Name: "OOM", Namespace: "shop", Pod: "web-0", Severity: "critical", Summary: "no memory"}

func TestWebhookHoldsTheAlert(t *testing.T) {
	nameless := alert
	nameless.Name = ""
	workload := alerts.Alert{Name: "OOM", Namespace: "shop", Deployment: "web", Severity: "critical", Summary: "no memory"}
	for name, test := range map[string]struct {
		alert  alerts.Alert
		labels map[string]string
	}{
		"whole":    {alert, map[string]string{"alertname": "OOM", "namespace": "shop", "pod": "web-0", "severity": "critical"}},
		"workload": {workload, map[string]string{"alertname": "OOM", "namespace": "shop", "deployment": "web", "severity": "critical"}},
		"nameless": {nameless, map[string]string{"namespace": "shop", "pod": "web-0", "severity": "critical"}},
	} {
		t.Run(name, func(t *testing.T) {
			type one struct {
				Status              string
				Labels, Annotations map[string]string
				StartsAt            time.Time
			}
			var got struct{ Alerts []one }
			decode(t, test.alert.Webhook(), &got)
			if len(got.Alerts) != 1 || got.Alerts[0].StartsAt.IsZero() {
				t.Fatalf("got %v, want one alert with a time", got)
			}
			want := one{"firing", test.labels, map[string]string{"summary": "no memory"}, got.Alerts[0].StartsAt}
			if diff := cmp.Diff(want, got.Alerts[0]); diff != "" {
				t.Errorf("alert (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	workload := alerts.Alert{Name: "OOM", Namespace: "shop", Deployment: "web"}
	for want, of := range map[string]alerts.Alert{
		// printf OOM:shop:Pod:web-0 | sha256sum
		"5106b48a294d262e6001e90931a9d7a21685d89d508f99e2b80e57de3a8c1e4c": alert,
		// printf OOM:shop:Deployment:web | sha256sum
		"3fd5738292770e99b35a0d79f50d7f181c90b3a88580306f07bd7cdfc7a9eeff": workload,
	} {
		if got := of.Fingerprint(); got != want {
			t.Errorf("%+v: got %q, want %q", of, got, want)
		}
	}
}

func TestWarningIsAboutThePod(t *testing.T) {
	var got struct {
		Kind, Type, Reason string
		InvolvedObject     map[string]string
	}
	decode(t, alerts.Warning("BackOff", "shop", "web-0"), &got)
	want := map[string]string{"apiVersion": "v1", "kind": "Pod", "name": "web-0", "namespace": "shop"}
	if diff := cmp.Diff(want, got.InvolvedObject); diff != "" || got.Kind != "Event" || got.Type != "Warning" || got.Reason != "BackOff" {
		t.Errorf("got %+v; object (-want +got):\n%s", got, diff)
	}
}

func TestStampCountsFromNow(t *testing.T) {
	before := time.Now().Add(-time.Hour).Unix()
	got, err := strconv.ParseInt(alerts.Stamp(-time.Hour), 10, 64)
	after := time.Now().Add(-time.Hour).Unix()
	if err != nil || got < before || got > after {
		t.Errorf("got %d and error %v, want from %d to %d", got, err, before, after)
	}
}

func TestPostDecodesAcceptedAnswersAlone(t *testing.T) {
	full := alerts.Answer{Status: "created", Fingerprint: "f", Duplicate: true, RemediationRequestName: "rr", RemediationRequestNamespace: "ns"}
	body := `{"status":"created","fingerprint":"f","duplicate":true,"remediationRequestName":"rr","remediationRequestNamespace":"ns"}`
	for name, test := range map[string]struct {
		status int
		body   string
		want   alerts.Answer
		fails  bool
	}{
		"created":      {201, body, full, false},
		"accepted":     {202, body, full, false},
		"refused":      {400, body, alerts.Answer{}, false},
		"unreadable":   {201, "<html>", alerts.Answer{}, true},
		"refused HTML": {503, "<html>", alerts.Answer{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent, _ := io.ReadAll(r.Body)
				_, err := strconv.ParseInt(r.Header.Get(alerts.TimestampHeader), 10, 64)
				if r.Method != "POST" || r.URL.Path != alerts.PrometheusPath || string(sent) != "{}" ||
					r.Header.Get("Content-Type") != "application/json" || err != nil {
					t.Errorf("got %s %s %q with headers %v", r.Method, r.URL, sent, r.Header)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			response, got, err := alerts.Post(t.Context(), wire.NewClient(server.URL), alerts.PrometheusPath, "{}")
			if (err != nil) != test.fails || response.Status != test.status || response.Body != test.body {
				t.Errorf("got %+v and error %v, want %d %q", response, err, test.status, test.body)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, text string, target any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), target); err != nil {
		t.Fatalf("decoding %q: %v", text, err)
	}
}
