// Package alerts posts signals to the gateway the way monitoring systems do.
package alerts

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// The gateway's routes. They are written out here, because senders have them in their configuration, too.
const (
	PrometheusPath      = "/api/v1/signals/prometheus"
	KubernetesEventPath = "/api/v1/signals/kubernetes-event"
)

// TimestampHeader is required with every post.
const TimestampHeader = "X-Timestamp"

// Alert is one firing alert about a pod, or else about a Deployment.
type Alert struct {
	Name, Namespace string
	Pod, Deployment string // one of them
	Severity        string
	Summary         string // an annotation
}

// Webhook returns the alert as Alertmanager posts it.
func (a Alert) Webhook() string {
	labels := map[string]string{"namespace": a.Namespace, "severity": a.Severity}
	for label, value := range map[string]string{"alertname": a.Name, "pod": a.Pod, "deployment": a.Deployment} {
		if value != "" {
			labels[label] = value
		}
	}
	return encode(map[string]any{
		"version": "4", "status": "firing", "receiver": "kubernaut", "groupKey": "{}", "externalURL": "http://alertmanager",
		"alerts": []any{map[string]any{
			"status": "firing", "labels": labels, "annotations": map[string]string{"summary": a.Summary},
			"startsAt": time.Now().UTC().Format(time.RFC3339), "generatorURL": "http://prometheus",
		}},
	})
}

// Fingerprint returns what the gateway must make of the alert.
func (a Alert) Fingerprint() string {
	target := "Pod:" + a.Pod
	if a.Pod == "" {
		target = "Deployment:" + a.Deployment
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(a.Name+":"+a.Namespace+":"+target)))
}

// Warning returns a Kubernetes event about a pod.
func Warning(reason, namespace, pod string) string {
	return encode(map[string]any{
		"apiVersion": "v1", "kind": "Event", "metadata": map[string]string{"name": pod + ".1", "namespace": namespace},
		"type": "Warning", "reason": reason, "message": "back-off restarting failed container", "count": 3,
		"firstTimestamp": time.Now().UTC().Format(time.RFC3339),
		"involvedObject": map[string]string{"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": namespace},
	})
}

func encode(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps of strings always have a JSON form
	}
	return string(data)
}

// Answer is the gateway's body of 201 and 202.
type Answer struct {
	Status                      string `json:"status"`
	Fingerprint                 string `json:"fingerprint"`
	Duplicate                   bool   `json:"duplicate"`
	RemediationRequestName      string `json:"remediationRequestName"`
	RemediationRequestNamespace string `json:"remediationRequestNamespace"`
}

// Stamp returns the time that is offset from now, as the header wants it.
func Stamp(offset time.Duration) string {
	return strconv.FormatInt(time.Now().Add(offset).Unix(), 10)
}

// Headers returns those of a good post.
func Headers() map[string]string {
	return map[string]string{TimestampHeader: Stamp(0), "Content-Type": "application/json"}
}

// Post sends a body in good form and returns whatever the gateway answers; Answer is filled for 201 and 202.
func Post(ctx context.Context, gateway *wire.Client, path, body string) (wire.Response, Answer, error) {
	var answer Answer
	response, err := gateway.Do(ctx, wire.Request{Method: "POST", Path: path, Body: body, Header: Headers()})
	if err == nil && (response.Status == 201 || response.Status == 202) {
		err = response.JSON(&answer)
	}
	return response, answer, err
}
