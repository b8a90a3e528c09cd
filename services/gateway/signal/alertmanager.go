package signal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
)

// maxAlerts bounds the work that one post can ask for.
const maxAlerts = 500

const defaultNamespace = "default"

type webhook struct {
	Version     string  `json:"version"`
	Status      string  `json:"status"`
	Receiver    string  `json:"receiver"`
	GroupKey    string  `json:"groupKey"`
	ExternalURL string  `json:"externalURL"`
	Alerts      []alert `json:"alerts"`
}

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// Alertmanager decodes a webhook, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
// It returns the firing alerts in the webhook's order.
func Alertmanager(body []byte) ([]Signal, error) {
	var hook webhook
	if err := httpserver.Unmarshal(body, &hook, false); err != nil {
		return nil, err
	}
	var raw struct{ Alerts []json.RawMessage }
	if err := httpserver.Unmarshal(body, &raw, false); err != nil {
		return nil, err
	}
	if hook.Version != "" && hook.Version != "4" {
		return nil, fmt.Errorf("field \"version\" must be \"4\", got %q", hook.Version)
	}
	switch n := len(hook.Alerts); {
	case n == 0:
		return nil, errors.New("field \"alerts\" must hold at least one alert")
	case n > maxAlerts:
		return nil, fmt.Errorf("field \"alerts\" holds %d alerts, at most %d are allowed", n, maxAlerts)
	}
	var signals []Signal
	for i, alert := range hook.Alerts {
		found, err := hook.signal(alert, raw.Alerts[i])
		if err != nil {
			return nil, fmt.Errorf("alerts[%d]: %w", i, err)
		}
		if found != nil {
			signals = append(signals, *found)
		}
	}
	return signals, nil
}

// signal returns nil for an alert that does not fire.
func (w webhook) signal(alert alert, raw json.RawMessage) (*Signal, error) {
	name := alert.Labels["alertname"]
	if name == "" {
		return nil, errors.New("label \"alertname\" is required")
	}
	if status := cmp.Or(alert.Status, w.Status, "firing"); status == "resolved" {
		return nil, nil
	} else if status != "firing" {
		return nil, fmt.Errorf("field \"status\" must be \"firing\" or \"resolved\", got %q", status)
	}
	provider, err := document(map[string]any{
		"externalURL":  w.ExternalURL,
		"fingerprint":  alert.Fingerprint,
		"generatorURL": alert.GeneratorURL,
		"groupKey":     w.GroupKey,
		"receiver":     w.Receiver,
	})
	if err != nil {
		return nil, err
	}
	var payload bytes.Buffer
	if err := json.Compact(&payload, raw); err != nil {
		return nil, err
	}
	signal := &Signal{
		Name:         name,
		Severity:     cmp.Or(alert.Labels["severity"], "unknown"),
		Type:         v1alpha1.PrometheusAlert,
		Source:       "alertmanager",
		Target:       alertTarget(alert.Labels),
		FiringTime:   alert.StartsAt,
		Labels:       alert.Labels,
		Annotations:  alert.Annotations,
		ProviderData: provider,
		Payload:      payload.String(),
	}
	return signal, signal.validate()
}

// alertTarget finds the workload in the labels that kube-state-metrics and cAdvisor use. The most specific label wins.
// "job" is not among them: it is Prometheus's own label and names the scrape job.
func alertTarget(labels map[string]string) v1alpha1.TargetResource {
	target := v1alpha1.TargetResource{
		Kind:      "Unknown",
		Name:      "unknown",
		Namespace: cmp.Or(labels["namespace"], labels["exported_namespace"]),
	}
	for _, known := range []struct{ label, kind string }{
		{"pod", "Pod"},
		{"deployment", "Deployment"},
		{"statefulset", "StatefulSet"},
		{"daemonset", "DaemonSet"},
		{"replicaset", "ReplicaSet"},
		{"job_name", "Job"},
		{"cronjob", "CronJob"},
		{"persistentvolumeclaim", "PersistentVolumeClaim"},
		{"service", "Service"},
		{"node", "Node"},
	} {
		if name := labels[known.label]; name != "" {
			target.Kind, target.Name = known.kind, name
			break
		}
	}
	if target.Kind != "Node" {
		target.Namespace = cmp.Or(target.Namespace, defaultNamespace)
	}
	return target
}
