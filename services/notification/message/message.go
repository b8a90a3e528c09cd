// Package message makes of a NotificationRequest what is delivered. Every text has passed package redact by then, so that no
// channel can forget to.
//
// A recipient's webhook URL is itself a secret, since whoever knows it can post: it keeps scheme and host alone.
package message

import (
	"net/url"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/redact"
)

// Message is a NotificationRequest without secrets, in the form of the console's line and of the file.
type Message struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	UID       string `json:"uid"`

	Type     v1alpha1.NotificationType     `json:"type"`
	Priority v1alpha1.NotificationPriority `json:"priority"`
	Subject  string                        `json:"subject"`
	Body     string                        `json:"body"`

	Recipients  []v1alpha1.Recipient  `json:"recipients,omitempty"`
	Channels    []v1alpha1.Channel    `json:"channels,omitempty"`
	Metadata    map[string]string     `json:"metadata,omitempty"`
	ActionLinks []v1alpha1.ActionLink `json:"actionLinks,omitempty"`

	// RemediationRequest is empty for a message that belongs to no remediation.
	RemediationRequest string    `json:"remediationRequest,omitempty"`
	CreatedAt          time.Time `json:"createdAt"`
}

// New returns the request's message.
func New(request *v1alpha1.NotificationRequest) Message {
	spec := request.Spec
	m := Message{
		Name: request.Name, Namespace: request.Namespace, UID: string(request.UID),
		Type: spec.Type, Priority: spec.Priority, Subject: redact.Text(spec.Subject), Body: redact.Text(spec.Body),
		Channels: spec.Channels, Metadata: redact.Map(spec.Metadata), CreatedAt: request.CreationTimestamp.UTC(),
	}
	for _, recipient := range spec.Recipients {
		if recipient.WebhookURL != "" {
			recipient.WebhookURL = origin(recipient.WebhookURL)
		}
		m.Recipients = append(m.Recipients, recipient)
	}
	for _, link := range spec.ActionLinks {
		m.ActionLinks = append(m.ActionLinks, v1alpha1.ActionLink{
			Service: redact.Text(link.Service), URL: redact.Text(link.URL), Label: redact.Text(link.Label),
		})
	}
	if spec.RemediationRequestRef != nil {
		m.RemediationRequest = spec.RemediationRequestRef.Name
	}
	return m
}

// Flow is the correlation id of the message's audit events: the RemediationRequest's name, else the request's own.
func Flow(request *v1alpha1.NotificationRequest) string {
	if ref := request.Spec.RemediationRequestRef; ref != nil {
		return ref.Name
	}
	return request.Name
}

func origin(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return redact.Mask
	}
	return parsed.Scheme + "://" + parsed.Host + "/" + redact.Mask
}
