package signal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
)

type event struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Type           string    `json:"type"`
	Reason         string    `json:"reason"`
	Message        string    `json:"message"`
	Count          int64     `json:"count"`
	FirstTimestamp time.Time `json:"firstTimestamp"`
	LastTimestamp  time.Time `json:"lastTimestamp"`
	EventTime      time.Time `json:"eventTime"`
	Source         struct {
		Component string `json:"component"`
		Host      string `json:"host"`
	} `json:"source"`
	InvolvedObject struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Name       string `json:"name"`
		Namespace  string `json:"namespace"`
	} `json:"involvedObject"`
}

// Event decodes a Kubernetes core/v1 Event
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/). A Normal event is no signal.
func Event(body []byte) ([]Signal, error) {
	var event event
	if err := httpserver.Unmarshal(body, &event, false); err != nil {
		return nil, err
	}
	if err := event.validate(); err != nil {
		return nil, err
	}
	if event.Type == "Normal" {
		return nil, nil
	}
	signal, err := event.signal(body)
	if err != nil {
		return nil, err
	}
	return []Signal{signal}, signal.validate()
}

func (e event) validate() error {
	for _, field := range []struct{ name, value string }{
		{"type", e.Type},
		{"reason", e.Reason},
		{"involvedObject.kind", e.InvolvedObject.Kind},
		{"involvedObject.name", e.InvolvedObject.Name},
	} {
		if field.value == "" {
			return fmt.Errorf("field %q is required", field.name)
		}
	}
	switch e.Type {
	case "Normal", "Warning", "Error":
		return nil
	default:
		return fmt.Errorf("field \"type\" must be \"Normal\", \"Warning\" or \"Error\", got %q", e.Type)
	}
}

func (e event) signal(body []byte) (Signal, error) {
	provider, err := document(map[string]any{
		"apiVersion": e.InvolvedObject.APIVersion,
		"count":      e.Count,
		"event":      e.Metadata.Namespace + "/" + e.Metadata.Name,
		"host":       e.Source.Host,
	})
	if err != nil {
		return Signal{}, err
	}
	var payload bytes.Buffer
	if err := json.Compact(&payload, body); err != nil {
		return Signal{}, err
	}
	return Signal{
		Name:     e.Reason,
		Severity: strings.ToLower(e.Type),
		Type:     v1alpha1.KubernetesEvent,
		Source:   "kubernetes-events",
		Target: v1alpha1.TargetResource{
			Kind:      e.InvolvedObject.Kind,
			Name:      e.InvolvedObject.Name,
			Namespace: e.InvolvedObject.Namespace,
		},
		FiringTime:   cmp.Or(e.FirstTimestamp, e.EventTime, e.LastTimestamp),
		Labels:       map[string]string{"component": e.Source.Component, "reason": e.Reason, "type": e.Type},
		Annotations:  map[string]string{"message": e.Message},
		ProviderData: provider,
		Payload:      payload.String(),
	}, nil
}
