package ingest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/gateway/ingest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

const sqlText = `x'; DROP TABLE audit_events; --`

// bad is one post that must be refused with a text that has why, in its detail or as a field's name.
type bad struct {
	name, body string
	status     int
	why        string
	header     http.Header
}

// badBodies are refused by every route.
func badBodies(good string) []bad {
	return []bad{
		{name: "blank", body: " \n", status: 400, why: "got nothing"},
		{name: "XML", body: "<xml/>", status: 400, why: "not JSON"},
		{name: "truncated", body: good[:len(good)-2], status: 400, why: "not JSON"},
		{name: "a list", body: "[1]", status: 400, why: "must be an object"},
		{name: "a text", body: `"text"`, status: 400, why: "must be an object"},
		{name: "null", body: "null", status: 400, why: "field"},
		{name: "empty object", body: "{}", status: 400, why: "field"},
		{name: "two documents", body: good + good, status: 400, why: "one JSON document"},
		{name: "not UTF-8", body: "{\"type\": \"\xff\"}", status: 400, why: "UTF-8"},
		{name: "oversize", body: `{"a": "` + strings.Repeat("x", maxBody) + `"}`, status: 413, why: "4096 bytes"},
		{name: "form", body: good, status: 415, why: "application/json", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{name: "XML type", body: good, status: 415, why: "application/json", header: http.Header{"Content-Type": {"text/xml"}}},
		{name: "statement as timestamp", body: good, status: 400, why: "unix seconds", header: http.Header{ingest.TimestampHeader: {sqlText}}},
	}
}

func badAlerts() []bad {
	alert := func(fields string) string { return `{"alerts": [{"labels": {"alertname": "OOM"}}, {` + fields + `}]}` }
	long := strings.Repeat("a", 254)
	return []bad{
		{name: "no alerts", body: `{"alerts": []}`, status: 400, why: `"alerts"`},
		{name: "alerts of the wrong type", body: `{"alerts": {}}`, status: 400, why: "alerts"},
		{name: "an alert that is null", body: `{"alerts": [null]}`, status: 400, why: "alerts[0]"},
		{name: "too many", body: `{"alerts": [` + strings.Repeat("{},", 500) + `{}]}`, status: 400, why: "at most 500"},
		{name: "version", body: `{"version": "` + sqlText + `", "alerts": [{}]}`, status: 400, why: `"version"`},
		{name: "labels of the wrong type", body: alert(`"labels": []`), status: 400, why: "labels"},
		{name: "a label of the wrong type", body: alert(`"labels": {"alertname": 5}`), status: 400, why: "labels"},
		{name: "no name", body: alert(`"labels": {"pod": "p"}`), status: 400, why: "alerts[1]"},
		{name: "long name", body: alert(`"labels": {"alertname": "` + long + `"}`), status: 400, why: "at most 253"},
		{name: "long namespace", body: alert(`"labels": {"alertname": "a", "namespace": "` + long + `"}`), status: 400, why: "at most 63"},
		{name: "long severity", body: alert(`"labels": {"alertname": "a", "severity": "` + long + `"}`), status: 400, why: "at most 50"},
		{name: "status", body: alert(`"labels": {"alertname": "a"}, "status": "` + sqlText + `"`), status: 400, why: `"status"`},
		{name: "time", body: alert(`"labels": {"alertname": "a"}, "startsAt": "yesterday"`), status: 400, why: "yesterday"},
	}
}

func badEvents() []bad {
	event := func(fields string) string {
		return `{"type": "Warning", "reason": "BackOff", "involvedObject": {"kind": "Pod", "name": "p"}, ` + fields + `}`
	}
	return []bad{
		{name: "no type", body: `{"reason": "r", "involvedObject": {"kind": "Pod", "name": "p"}}`, status: 400, why: `"type"`},
		{name: "type", body: event(`"type": "` + sqlText + `"`), status: 400, why: `"type"`},
		{name: "type of the wrong type", body: event(`"type": 5`), status: 400, why: "type"},
		{name: "no kind", body: event(`"involvedObject": {"kind": "", "name": "p"}`), status: 400, why: `"involvedObject.kind"`},
		{name: "no object", body: `{"type": "Warning", "reason": "r"}`, status: 400, why: "involvedObject"},
		{name: "object of the wrong type", body: event(`"involvedObject": []`), status: 400, why: "involvedObject"},
		{name: "long reason", body: event(`"reason": "` + strings.Repeat("a", 254) + `"`), status: 400, why: "at most 253"},
		{name: "count", body: event(`"count": 1.5`), status: 400, why: "count"},
		{name: "time", body: event(`"firstTimestamp": 5`), status: 400, why: "body"},
	}
}

func TestBadPosts(t *testing.T) {
	for path, all := range map[string][]bad{
		ingest.PrometheusPath:      append(badBodies(validAlert), badAlerts()...),
		ingest.KubernetesEventPath: append(badBodies(validEvent), badEvents()...),
	} {
		gateway := start(t, &requests{}, 10)
		for _, test := range all {
			t.Run(path+" "+test.name, func(t *testing.T) {
				response, answer := gateway.post(t, path, test.body, test.header)
				var got problem.Details
				if err := json.Unmarshal(answer, &got); err != nil {
					t.Fatalf("%v in %.200s", err, answer)
				}
				if response.StatusCode != test.status || got.Status != test.status || got.Instance != path || !strings.HasPrefix(got.Type, problem.BaseURI) {
					t.Errorf("status %d, want a problem with %d: %.300s", response.StatusCode, test.status, answer)
				}
				if !strings.Contains(fmt.Sprint(got.Detail, got.FieldErrors), test.why) {
					t.Errorf("got %.300s, want a reason with %q", answer, test.why)
				}
			})
		}
		if n := len(gateway.requests.submitted); n != 0 {
			t.Errorf("%s: submitted %d signals of refused posts", path, n)
		}
	}
}
