package signal

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// FuzzAlertmanager checks that what is accepted fits into a RemediationRequest, and that a refusal says why.
func FuzzAlertmanager(f *testing.F) {
	for _, seed := range []string{
		`{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"OOM","namespace":"shop","pod":"cart-1"},
			"annotations":{"summary":"x'; DROP TABLE audit_events; --"},"startsAt":"2026-03-01T10:00:00Z"}]}`,
		`{"status":"resolved","alerts":[{"labels":{"alertname":"a"}}]}`, `{"alerts":[{"labels":{"alertname":"a","node":"n"}}],"ALERTS":[]}`,
		`{"alerts":[{"labels":{"alertname":"a"}}],"alerts":[{"labels":{"pod":"p"}},{}]}`, `{"alerts":[null]}`, `{"alerts":null}`, `[]`, `null`, `{`,
		`{"alerts":[{"labels":{"alertname":"` + "\u0000\u2028" + `\ud800"},"startsAt":"0001-01-01T00:00:00+23:59"}]}`, `{"version":"5","alerts":[{}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkDecoder(t, Alertmanager, body) })
}

// FuzzEvent is FuzzAlertmanager for Kubernetes events.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		`{"metadata":{"name":"e1","namespace":"shop"},"type":"Warning","reason":"BackOff","message":"restarting","count":3,"firstTimestamp":null,
			"lastTimestamp":"2026-03-01T10:05:00Z","source":{"component":"kubelet"},"involvedObject":{"kind":"Pod","name":"cart-1","namespace":"shop"}}`,
		`{"type":"Normal","reason":"Started","involvedObject":{"kind":"Pod","name":"p"}}`, `{"type":"Error","reason":"r","involvedObject":{"kind":"Pod","name":"p"}}{}`,
		`{"type":"Warning","reason":"r","involvedObject":{"kind":"Pod","name":"p"},"count":1e99}`, `{"TYPE":"Warning","involvedobject":[]}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkDecoder(t, Event, body) })
}

func checkDecoder(t *testing.T, decode Decoder, body []byte) {
	t.Helper()
	signals, err := decode(body)
	var refused *problem.Details
	if errors.As(err, &refused) && refused.Status != 400 || err != nil && err.Error() == "" {
		t.Fatalf("%q: got error %v, want one that says why", body, err)
	}
	if err != nil {
		return
	}
	for _, s := range signals {
		if err := s.validate(); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if s.Name == "" || s.Severity == "" || s.Target.Kind == "" || s.Target.Name == "" || len(s.Fingerprint()) != 64 {
			t.Errorf("%q: signal %+v lacks its identity", body, s)
		}
		if !json.Valid([]byte(s.Payload)) || !json.Valid([]byte(s.ProviderData)) || utf8.Valid(body) && !utf8.ValidString(s.Payload) {
			t.Errorf("%q: payload %q and provider's data %q must be JSON", body, s.Payload, s.ProviderData)
		}
	}
}
