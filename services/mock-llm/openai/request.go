package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

type request struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    dialog.Role     `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Tools      []json.RawMessage `json:"tools"`
	ToolChoice json.RawMessage   `json:"tool_choice"`
	Stream     bool              `json:"stream"`
	N          *int              `json:"n"`
}

// read returns the request's conversation; its errors are problems.
func read(r *http.Request) (dialog.Conversation, error) {
	var none dialog.Conversation
	var sent request
	if err := httpserver.Decode(r, &sent); err != nil {
		return none, err
	}
	conversation, wrong := sent.conversation()
	if len(wrong) > 0 {
		return none, problem.Invalid("the request cannot be answered", wrong)
	}
	return conversation, nil
}

// conversation also returns what is wrong, by field.
func (r request) conversation() (dialog.Conversation, map[string]string) {
	c := dialog.Conversation{Model: r.Model, Tools: len(r.Tools) > 0 && string(r.ToolChoice) != `"none"`}
	wrong := map[string]string{}
	if r.Stream {
		wrong["stream"] = "must be false or absent, streaming is not implemented"
	}
	if r.N != nil && *r.N != 1 {
		wrong["n"] = fmt.Sprintf("must be 1 or absent, got %d", *r.N)
	}
	if len(r.Messages) == 0 {
		wrong["messages"] = "must hold at least one message"
	}
	for i, m := range r.Messages {
		text, ok := content(m.Content)
		if !ok {
			wrong[fmt.Sprintf("messages[%d].content", i)] = "must be null, a string or a list of parts with a type"
		}
		if !m.Role.Known() {
			wrong[fmt.Sprintf("messages[%d].role", i)] = fmt.Sprintf("must be system, developer, user, assistant or tool, got %q", m.Role)
		}
		c.Messages = append(c.Messages, dialog.Message{Role: m.Role, Text: text})
	}
	return c, wrong
}

// content returns the text of a string or of a list of parts. Parts that are not text (images, audio) say nothing here.
func content(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return "", true
	}
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", false
	}
	var texts []string
	for _, part := range parts {
		if part.Type == "" {
			return "", false
		}
		if part.Type == "text" {
			texts = append(texts, part.Text)
		}
	}
	return strings.Join(texts, "\n"), true
}
