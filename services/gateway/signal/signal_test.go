package signal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

func TestAlertmanagerDecodesAFiringAlert(t *testing.T) {
	body := `{"version":"4","status":"firing","receiver":"kubernaut","groupKey":"g","externalURL":"http://am","added":{"later":1},
		"alerts":[{"status":"firing","labels":{"alertname":"OOM","namespace":"shop","pod":"cart-1","severity":"critical"},
		"annotations":{"summary":"out of memory"},"startsAt":"2026-03-01T10:00:00Z","generatorURL":"http://prom","fingerprint":"f"}]}`
	got, err := Alertmanager([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := []Signal{{
		Name:         "OOM",
		Severity:     "critical",
		Type:         v1alpha1.PrometheusAlert,
		Source:       "alertmanager",
		Target:       v1alpha1.TargetResource{Kind: "Pod", Name: "cart-1", Namespace: "shop"},
		FiringTime:   time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Labels:       map[string]string{"alertname": "OOM", "namespace": "shop", "pod": "cart-1", "severity": "critical"},
		Annotations:  map[string]string{"summary": "out of memory"},
		ProviderData: `{"externalURL":"http://am","fingerprint":"f","generatorURL":"http://prom","groupKey":"g","receiver":"kubernaut"}`,
		Payload: `{"status":"firing","labels":{"alertname":"OOM","namespace":"shop","pod":"cart-1","severity":"critical"},` +
			`"annotations":{"summary":"out of memory"},"startsAt":"2026-03-01T10:00:00Z","generatorURL":"http://prom","fingerprint":"f"}`,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

func TestAlertmanagerKeepsFiringAlertsInOrder(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"resolved alerts are left out": {`{"alerts":[{"status":"firing","labels":{"alertname":"a"}},{"status":"resolved","labels":{"alertname":"b"}},{"status":"firing","labels":{"alertname":"c"}}]}`, []string{"a", "c"}},
		"the group's status holds":     {`{"status":"resolved","alerts":[{"labels":{"alertname":"a"}}]}`, nil},
		"without a status it fires":    {`{"alerts":[{"labels":{"alertname":"a"}}]}`, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			signals, err := Alertmanager([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range signals {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAlertTarget(t *testing.T) {
	for name, test := range map[string]struct {
		labels map[string]string
		want   v1alpha1.TargetResource
	}{
		"pod before its deployment": {map[string]string{"namespace": "n", "pod": "p", "deployment": "d"}, v1alpha1.TargetResource{Kind: "Pod", Name: "p", Namespace: "n"}},
		"deployment":                {map[string]string{"namespace": "n", "deployment": "d"}, v1alpha1.TargetResource{Kind: "Deployment", Name: "d", Namespace: "n"}},
		"scrape job is no target":   {map[string]string{"namespace": "n", "job": "kubelet"}, v1alpha1.TargetResource{Kind: "Unknown", Name: "unknown", Namespace: "n"}},
		"node has no namespace":     {map[string]string{"node": "w1"}, v1alpha1.TargetResource{Kind: "Node", Name: "w1"}},
		"exported namespace":        {map[string]string{"exported_namespace": "n", "pod": "p"}, v1alpha1.TargetResource{Kind: "Pod", Name: "p", Namespace: "n"}},
		"nothing":                   {nil, v1alpha1.TargetResource{Kind: "Unknown", Name: "unknown", Namespace: "default"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, alertTarget(test.labels)); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventDecodesAWarning(t *testing.T) {
	body := `{"metadata":{"name":"e1","namespace":"shop"},"type":"Warning","reason":"BackOff","message":"restarting","count":3,
		"firstTimestamp":null,"lastTimestamp":"2026-03-01T10:05:00Z","source":{"component":"kubelet","host":"w1"},
		"involvedObject":{"apiVersion":"v1","kind":"Pod","name":"cart-1","namespace":"shop"}}`
	got, err := Event([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("got %d signals, want 1", len(got))
	}
	got[0].Payload = ""
	want := Signal{
		Name:         "BackOff",
		Severity:     "warning",
		Type:         v1alpha1.KubernetesEvent,
		Source:       "kubernetes-events",
		Target:       v1alpha1.TargetResource{Kind: "Pod", Name: "cart-1", Namespace: "shop"},
		FiringTime:   time.Date(2026, 3, 1, 10, 5, 0, 0, time.UTC),
		Labels:       map[string]string{"component": "kubelet", "reason": "BackOff", "type": "Warning"},
		Annotations:  map[string]string{"message": "restarting"},
		ProviderData: `{"apiVersion":"v1","count":3,"event":"shop/e1","host":"w1"}`,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("signal (-want +got):\n%s", diff)
	}
}

func TestNormalEventIsNoSignal(t *testing.T) {
	got, err := Event([]byte(`{"type":"Normal","reason":"Started","involvedObject":{"kind":"Pod","name":"p"}}`))
	if err != nil || len(got) != 0 {
		t.Errorf("got %v and error %v, want neither", got, err)
	}
}

func TestDecodersRefuse(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		decode Decoder
		body   string
		want   string
	}{
		"truncated":            {Alertmanager, `{"alerts":[{"labels":`, "not JSON"},
		"not an object":        {Alertmanager, `[]`, "must be an object"},
		"trailing data":        {Alertmanager, `{"alerts":[{"labels":{"alertname":"a"}}]}{}`, "more after it"},
		"other version":        {Alertmanager, `{"version":"3","alerts":[]}`, `"version" must be "4"`},
		"no alerts":            {Alertmanager, `{"alerts":[]}`, `"alerts" must hold`},
		"too many alerts":      {Alertmanager, `{"alerts":[` + strings.TrimSuffix(strings.Repeat("{},", 501), ",") + `]}`, "at most 500"},
		"no labels":            {Alertmanager, `{"alerts":[{}]}`, `alerts[0]: label "alertname"`},
		"null alert":           {Alertmanager, `{"alerts":[null]}`, `alerts[0]: label "alertname"`},
		"second has no name":   {Alertmanager, `{"alerts":[{"labels":{"alertname":"a"}},{"labels":{"alertname":""}}]}`, `alerts[1]: label "alertname"`},
		"number as label":      {Alertmanager, `{"alerts":[{"labels":{"alertname":7}}]}`, "must be a string"},
		"unknown status":       {Alertmanager, `{"alerts":[{"status":"maybe","labels":{"alertname":"a"}}]}`, `got "maybe"`},
		"bad time":             {Alertmanager, `{"alerts":[{"labels":{"alertname":"a"},"startsAt":"yesterday"}]}`, "yesterday"},
		"long name":            {Alertmanager, `{"alerts":[{"labels":{"alertname":"` + long + `"}}]}`, "300 characters"},
		"long namespace":       {Alertmanager, `{"alerts":[{"labels":{"alertname":"a","namespace":"` + long + `"}}]}`, "namespace has 300"},
		"long severity":        {Alertmanager, `{"alerts":[{"labels":{"alertname":"a","severity":"` + long + `"}}]}`, "severity has 300"},
		"event truncated":      {Event, `{"type":`, "not JSON"},
		"event without reason": {Event, `{"type":"Warning","involvedObject":{"kind":"Pod","name":"p"}}`, `"reason" is required`},
		"event without kind":   {Event, `{"type":"Warning","reason":"r","involvedObject":{"name":"p"}}`, `"involvedObject.kind"`},
		"event without name":   {Event, `{"type":"Warning","reason":"r","involvedObject":{"kind":"Pod"}}`, `"involvedObject.name"`},
		"event of other type":  {Event, `{"type":"Odd","reason":"r","involvedObject":{"kind":"Pod","name":"p"}}`, `got "Odd"`},
	} {
		t.Run(name, func(t *testing.T) {
			signals, err := test.decode([]byte(test.body))
			if err == nil {
				t.Fatalf("got %v and no error", signals)
			}
			if text := wholeText(err); !strings.Contains(text, test.want) {
				t.Errorf("error: got %q, want one with %q", text, test.want)
			}
		})
	}
}

// wholeText is everything that the sender gets to read.
func wholeText(err error) string {
	var details *problem.Details
	if errors.As(err, &details) {
		return fmt.Sprint(details.Detail, details.FieldErrors)
	}
	return err.Error()
}

func TestFingerprintFollowsTheFormula(t *testing.T) {
	digits := regexp.MustCompile(`^[0-9a-f]{64}$`)
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		runes := make([]rune, random.IntN(12))
		for i := range runes {
			runes[i] = rune(' ' + random.IntN(0x2ff))
		}
		return string(runes)
	}
	seen := map[string]Signal{}
	for range 2000 {
		s := Signal{Name: word(), Target: v1alpha1.TargetResource{Namespace: word(), Kind: word(), Name: word()}}
		got := s.Fingerprint()
		want := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join([]string{s.Name, s.Target.Namespace, s.Target.Kind, s.Target.Name}, ":"))))
		if got != want || !digits.MatchString(got) {
			t.Fatalf("fingerprint of %+v: got %q, want %q", s, got, want)
		}
		other := s
		other.Severity, other.Labels, other.Annotations, other.Source, other.Payload = word(), map[string]string{"a": word()}, map[string]string{"b": word()}, word(), word()
		if other.Fingerprint() != got {
			t.Fatalf("fingerprint depends on more than the identity: %+v", other)
		}
		changed := s
		changed.Target.Name += "x"
		if changed.Fingerprint() == got {
			t.Fatalf("fingerprint does not depend on the target's name: %+v", s)
		}
		seen[got] = s
	}
	if len(seen) < 1990 {
		t.Errorf("got %d different fingerprints of 2000 signals", len(seen))
	}
}
