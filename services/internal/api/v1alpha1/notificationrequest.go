package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NotificationRequestKind is the kind of NotificationRequest.
const NotificationRequestKind = "NotificationRequest"

// NotificationRequest asks for the delivery of one message through one or more channels.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=notificationrequests,singular=notificationrequest,shortName=nr,scope=Namespaced
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Priority",type=string,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Delivered",type=integer,JSONPath=`.status.successfulDeliveries`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NotificationRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NotificationRequestSpec   `json:"spec"`
	Status NotificationRequestStatus `json:"status,omitempty"`
}

// NotificationRequestList is a list of NotificationRequests.
//
// +kubebuilder:object:root=true
type NotificationRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []NotificationRequest `json:"items"`
}

// NotificationRequestSpec is the message.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable"
type NotificationRequestSpec struct {
	// +kubebuilder:validation:Enum=escalation;simple;status-update;approval;manual-review
	Type NotificationType `json:"type"`

	// +kubebuilder:validation:Enum=critical;high;medium;low
	// +kubebuilder:default=medium
	Priority NotificationPriority `json:"priority,omitempty"`

	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=500
	Subject string `json:"subject"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	Body string `json:"body"`

	// +kubebuilder:validation:MaxItems=50
	Recipients []Recipient `json:"recipients,omitempty"`

	// Channels is empty for the controller's default list.
	// +kubebuilder:validation:MaxItems=8
	// +listType=set
	Channels []Channel `json:"channels,omitempty"`

	// +kubebuilder:validation:MaxProperties=64
	Metadata map[string]string `json:"metadata,omitempty"`
	// +kubebuilder:validation:MaxItems=20
	ActionLinks []ActionLink `json:"actionLinks,omitempty"`

	RetryPolicy *RetryPolicy `json:"retryPolicy,omitempty"`

	// RetentionDays is how long the object is kept after its end.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=365
	// +kubebuilder:default=7
	RetentionDays int32 `json:"retentionDays,omitempty"`

	// RemediationRequestRef is nil for a message that belongs to no remediation.
	RemediationRequestRef *ObjectReference `json:"remediationRequestRef,omitempty"`
}

// NotificationType is the purpose of a message.
type NotificationType string

// The purposes.
const (
	Escalation         NotificationType = "escalation"
	SimpleMessage      NotificationType = "simple"
	StatusUpdate       NotificationType = "status-update"
	ApprovalNeeded     NotificationType = "approval"
	ManualReviewNeeded NotificationType = "manual-review"
)

// NotificationPriority is the urgency of a message.
type NotificationPriority string

// The urgencies.
const (
	PriorityCritical NotificationPriority = "critical"
	PriorityHigh     NotificationPriority = "high"
	PriorityMedium   NotificationPriority = "medium"
	PriorityLow      NotificationPriority = "low"
)

// Channel is a way of delivery.
//
// +kubebuilder:validation:Enum=email;slack;teams;sms;webhook;console;file;log
type Channel string

// The channels. Console, file, webhook and slack deliver; the others end as a permanent failure that names the channel.
const (
	EmailChannel   Channel = "email"
	SlackChannel   Channel = "slack"
	TeamsChannel   Channel = "teams"
	SMSChannel     Channel = "sms"
	WebhookChannel Channel = "webhook"
	ConsoleChannel Channel = "console"
	FileChannel    Channel = "file"
	LogChannel     Channel = "log"
)

// Recipient is somebody who gets the message. Which field counts depends on the channel.
type Recipient struct {
	// +kubebuilder:validation:MaxLength=320
	Email string `json:"email,omitempty"`
	// +kubebuilder:validation:MaxLength=100
	Slack string `json:"slack,omitempty"`
	// +kubebuilder:validation:MaxLength=100
	Teams string `json:"teams,omitempty"`
	// +kubebuilder:validation:Pattern=`^(\+?[0-9]{4,20})?$`
	Phone string `json:"phone,omitempty"`
	// +kubebuilder:validation:Pattern=`^(https?://.+)?$`
	// +kubebuilder:validation:MaxLength=2048
	WebhookURL string `json:"webhookURL,omitempty"`
}

// ActionLink is a link that the message offers.
type ActionLink struct {
	// +kubebuilder:validation:MinLength=1
	Service string `json:"service"`
	// +kubebuilder:validation:Pattern=`^https?://.+`
	URL string `json:"url"`
	// +kubebuilder:validation:MinLength=1
	Label string `json:"label"`
}

// RetryPolicy says how often a delivery is tried. A field that is absent has its default.
type RetryPolicy struct {
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	// +kubebuilder:default=5
	MaxAttempts int32 `json:"maxAttempts,omitempty"`
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=300
	// +kubebuilder:default=30
	InitialBackoffSeconds int32 `json:"initialBackoffSeconds,omitempty"`
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	// +kubebuilder:default=2
	BackoffMultiplier int32 `json:"backoffMultiplier,omitempty"`
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	// +kubebuilder:default=480
	MaxBackoffSeconds int32 `json:"maxBackoffSeconds,omitempty"`
}

// NotificationRequestStatus is what became of the message.
type NotificationRequestStatus struct {
	// Phase is empty until the controller has seen the object.
	Phase NotificationPhase `json:"phase,omitempty"`

	DeliveryAttempts     []DeliveryAttempt `json:"deliveryAttempts,omitempty"`
	TotalAttempts        int32             `json:"totalAttempts,omitempty"`
	SuccessfulDeliveries int32             `json:"successfulDeliveries,omitempty"`
	FailedDeliveries     int32             `json:"failedDeliveries,omitempty"`

	QueuedAt            *metav1.Time `json:"queuedAt,omitempty"`
	ProcessingStartedAt *metav1.Time `json:"processingStartedAt,omitempty"`
	CompletionTime      *metav1.Time `json:"completionTime,omitempty"`

	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// DeliveryAttempt is one try on one channel.
type DeliveryAttempt struct {
	Channel Channel `json:"channel"`
	// Recipient is the position in spec.recipients, from 0, on a channel that delivers to each recipient by itself.
	// +kubebuilder:validation:Minimum=0
	Recipient *int32 `json:"recipient,omitempty"`
	// Attempt counts from 1, per channel and recipient.
	Attempt   int32            `json:"attempt"`
	Timestamp metav1.MicroTime `json:"timestamp"`
	// +kubebuilder:validation:Enum=success;failed;permanent-failure
	Status          string  `json:"status"`
	Error           string  `json:"error,omitempty"`
	DurationSeconds float64 `json:"durationSeconds,omitempty"`
	// RetryAfterSeconds is the pause that the receiver asked for; absent when it did not.
	// +kubebuilder:validation:Minimum=0
	RetryAfterSeconds int32 `json:"retryAfterSeconds,omitempty"`
}

// The states of a DeliveryAttempt.
const (
	DeliverySucceeded         = "success"
	DeliveryFailed            = "failed"
	DeliveryFailedPermanently = "permanent-failure"
)

// NotificationPhase is a step of a delivery.
//
// +kubebuilder:validation:Enum=Pending;Sending;Retrying;Sent;PartiallySent;Failed
type NotificationPhase string

// The phases of a delivery. The last three are final.
const (
	NotificationPending       NotificationPhase = "Pending"
	NotificationSending       NotificationPhase = "Sending"
	NotificationRetrying      NotificationPhase = "Retrying"
	NotificationSent          NotificationPhase = "Sent"
	NotificationPartiallySent NotificationPhase = "PartiallySent"
	NotificationFailed        NotificationPhase = "Failed"
)

// Terminal reports whether the delivery stays in this phase for good. The empty phase is not terminal.
func (p NotificationPhase) Terminal() bool {
	return p == NotificationSent || p == NotificationPartiallySent || p == NotificationFailed
}
