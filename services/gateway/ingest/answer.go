package ingest

import (
	"net/http"

	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/gateway/signal"
)

// Values of Answer.Status.
const (
	StatusCreated   = "created"   // 201: a RemediationRequest was created
	StatusDuplicate = "duplicate" // 202: the signal was counted on an active RemediationRequest
	StatusAccepted  = "accepted"  // 202: the post was valid and held nothing to remedy
)

// Answer is the body of 201 and 202.
type Answer struct {
	Status                      string `json:"status"`
	Message                     string `json:"message"`
	Fingerprint                 string `json:"fingerprint,omitempty"`
	Duplicate                   bool   `json:"duplicate"`
	RemediationRequestName      string `json:"remediationRequestName,omitempty"`
	RemediationRequestNamespace string `json:"remediationRequestNamespace,omitempty"`
	Metadata                    Counts `json:"metadata"`
}

// Counts tell what became of the signals of one post.
type Counts struct {
	Signals    int `json:"signals"`
	Created    int `json:"created"`
	Duplicates int `json:"duplicates"`
}

// answer speaks of the first signal that was created, else of the first.
func answer(signals []signal.Signal, results []remediation.Result) (int, Answer) {
	if len(signals) == 0 {
		return http.StatusAccepted, Answer{Status: StatusAccepted, Message: "nothing to remedy: no signal is firing"}
	}
	counts, subject := Counts{Signals: len(signals)}, 0
	for i, result := range results {
		if result.Duplicate {
			counts.Duplicates++
			continue
		}
		if counts.Created == 0 {
			subject = i
		}
		counts.Created++
	}
	body := Answer{
		Status:                      StatusCreated,
		Message:                     "RemediationRequest created",
		Fingerprint:                 signals[subject].Fingerprint(),
		RemediationRequestName:      results[subject].Request.Name,
		RemediationRequestNamespace: results[subject].Request.Namespace,
		Metadata:                    counts,
	}
	if counts.Created > 0 {
		return http.StatusCreated, body
	}
	body.Status, body.Message, body.Duplicate = StatusDuplicate, "signal counted on an active RemediationRequest", true
	return http.StatusAccepted, body
}
