// Package dialog is the model without its wire formats: it takes a conversation and returns what the model says next.
//
//   - No tools offered, or ForceText: prose with the analysis in a fenced JSON block.
//   - Tools offered and no tool result yet: one call of names.SearchWorkflowCatalogTool.
//   - A tool result in the conversation: the analysis as a bare JSON document.
//
// Only what the caller says (system, developer and user messages) chooses the scenario. The model's own words and the
// results of tools do not take part: a catalogue's titles are full of keywords, and would make the second turn of a
// conversation contradict the first.
//
// The same conversation gives the same answer, in every process: no clock, no random numbers, no state between calls.
// Not goals: streaming, sampling parameters, other tools than the catalogue search.
package dialog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/mock-llm/scenario"
)

// DefaultModel is the only model that the server lists. Requests may name any other and get its name back.
const DefaultModel = "mock-model"

// Epoch is the time of every answer and of the model, in seconds since 1970: 2026-01-01T00:00:00Z. EpochText is the same
// in RFC 3339.
const (
	Epoch     = 1767225600
	EpochText = "2026-01-01T00:00:00Z"
)

// Role says who speaks.
type Role string

// The roles of both wire formats. Function is the old name of Tool.
const (
	System    Role = "system"
	Developer Role = "developer"
	User      Role = "user"
	Assistant Role = "assistant"
	Tool      Role = "tool"
	Function  Role = "function"
)

// Known says whether a role is one of the above.
func (r Role) Known() bool {
	switch r {
	case System, Developer, User, Assistant, Tool, Function:
		return true
	}
	return false
}

// Message is one turn. Text may be empty, as it is beside a tool call.
type Message struct {
	Role Role   `json:"role"`
	Text string `json:"text"`
}

// Conversation is what a request says.
type Conversation struct {
	// Model as the request names it; empty means DefaultModel.
	Model    string    `json:"model"`
	Messages []Message `json:"messages"`
	// Tools says whether the model may call tools.
	Tools bool `json:"tools"`
}

// Call is a tool call.
type Call struct {
	ID        string
	Name      string
	Arguments Arguments
}

// Arguments of the catalogue search.
type Arguments struct {
	// Query is the signal's type and its severity, separated by a space.
	Query string `json:"query"`
}

// Answer is the model's next turn: either Call, or Text.
type Answer struct {
	// ID is 32 hex digits that follow from the conversation.
	ID    string
	Model string
	Text  string
	Call  *Call
	// PromptTokens and AnswerTokens are counts of words.
	PromptTokens, AnswerTokens int
}

// Model answers. The zero value is ready to use, also by several goroutines at once.
type Model struct {
	// ForceText answers with prose even where a tool call is due.
	ForceText bool
}

// Answer returns what the model says after the conversation.
func (m Model) Answer(c Conversation) Answer {
	if c.Model == "" {
		c.Model = DefaultModel
	}
	prompt := c.prompt()
	chosen := scenario.Select(prompt, signalTypes(prompt)...)
	answer := Answer{ID: c.id(), Model: c.Model, PromptTokens: c.words()}
	switch {
	case m.ForceText || !c.Tools:
		answer.Text = prose(analyse(chosen, prompt))
	case c.searched():
		answer.Text = document(analyse(chosen, prompt))
	default:
		query := chosen.SignalType + " " + chosen.Severity
		answer.Call = &Call{ID: "call_" + answer.ID[:24], Name: names.SearchWorkflowCatalogTool, Arguments: Arguments{Query: query}}
		answer.AnswerTokens = len(strings.Fields(query))
	}
	answer.AnswerTokens += len(strings.Fields(answer.Text))
	return answer
}

// prompt is all that the caller said, a message per line or more.
func (c Conversation) prompt() string {
	var said []string
	for _, message := range c.Messages {
		switch message.Role {
		case System, Developer, User:
			said = append(said, message.Text)
		}
	}
	return strings.Join(said, "\n")
}

func (c Conversation) searched() bool {
	for _, message := range c.Messages {
		if message.Role == Tool || message.Role == Function {
			return true
		}
	}
	return false
}

func (c Conversation) words() int {
	count := 0
	for _, message := range c.Messages {
		count += len(strings.Fields(message.Text))
	}
	return count
}

// id hashes the conversation's meaning, so that the layout of a request's JSON does not matter.
func (c Conversation) id() string {
	// Strings and booleans always marshal.
	text, _ := json.Marshal(c)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
