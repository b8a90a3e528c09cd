package delivery

import (
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/services/notification/message"
)

// Limits of Slack, in characters. A longer message is refused as a whole, so that the end of a body is left out instead.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	maxHeader   = 150
	maxSection  = 3000
	maxSections = 10
)

// payload is what Slack's incoming webhooks take, and most receivers that imitate them.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
type payload struct {
	// Text is what a receiver without blocks shows.
	Text   string  `json:"text"`
	Blocks []block `json:"blocks"`
}

type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Elements []text `json:"elements,omitempty"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func slackMessage(m message.Message) payload {
	blocks := []block{{Type: "header", Text: &text{"plain_text", clip(m.Subject, maxHeader)}}}
	for _, part := range sections(escape(m.Body)) {
		blocks = append(blocks, block{Type: "section", Text: &text{"mrkdwn", part}})
	}
	if len(m.ActionLinks) > 0 {
		blocks = append(blocks, block{Type: "section", Text: &text{"mrkdwn", links(m)}})
	}
	about := []text{{"mrkdwn", escape(fmt.Sprintf("%s, priority %s", m.Type, m.Priority))}}
	if m.RemediationRequest != "" {
		about = append(about, text{"mrkdwn", escape(m.RemediationRequest)})
	}
	return payload{Text: escape(m.Subject), Blocks: append(blocks, block{Type: "context", Elements: about})}
}

// sections cuts a body into as many parts as Slack takes.
func sections(body string) []string {
	var parts []string
	rest := []rune(body)
	for len(rest) > 0 && len(parts) < maxSections-1 {
		n := min(len(rest), maxSection)
		parts, rest = append(parts, string(rest[:n])), rest[n:]
	}
	if len(rest) > 0 {
		parts = append(parts, clip(string(rest), maxSection))
	}
	return parts
}

func links(m message.Message) string {
	var lines []string
	for _, link := range m.ActionLinks {
		lines = append(lines, fmt.Sprintf("<%s|%s>", escape(link.URL), escape(link.Label)))
	}
	return clip(strings.Join(lines, "\n"), maxSection)
}

// clip cuts a text to n characters, the last of which tells that there was more.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// escape keeps Slack from reading a text's < as the beginning of a link or of a mention such as <!channel>.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
