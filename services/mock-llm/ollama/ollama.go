// Package ollama is Ollama's wire format: generate, chat, and the list of models.
//
// Ollama streams unless it is told not to, as one JSON object per line. The answer here is always one object on one line
// with done set, which both kinds of client read. All durations are zero.
//
// https://github.com/ollama/ollama/blob/main/docs/api.md
package ollama

import (
	"fmt"
	"net/http"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// Router registers handlers; *httpserver.Server is one.
type Router interface {
	HandleFunc(pattern string, handler httpserver.Func)
}

// Register adds POST /api/generate, POST /api/chat and GET /api/tags.
func Register(router Router, model dialog.Model) {
	router.HandleFunc("POST /api/generate", handler[generation](model, func(a dialog.Answer) any {
		return generated{status: finish(a), Response: a.Text}
	}))
	router.HandleFunc("POST /api/chat", handler[chat](model, func(a dialog.Answer) any {
		return chatted{status: finish(a), Message: reply(a)}
	}))
	router.HandleFunc("GET /api/tags", tags)
}

type request interface {
	// conversation also returns what is wrong, by field.
	conversation() (dialog.Conversation, map[string]string)
}

func handler[R request](model dialog.Model, render func(dialog.Answer) any) httpserver.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		var sent R
		if err := httpserver.Decode(r, &sent); err != nil {
			return err
		}
		conversation, wrong := sent.conversation()
		if len(wrong) > 0 {
			return problem.Invalid("the request cannot be answered", wrong)
		}
		httpserver.WriteJSON(w, http.StatusOK, render(model.Answer(conversation)))
		return nil
	}
}

type generation struct {
	Model  string `json:"model"`
	System string `json:"system"`
	Prompt string `json:"prompt"`
}

// conversation has no tools: this route cannot offer any.
func (g generation) conversation() (dialog.Conversation, map[string]string) {
	if g.Prompt == "" {
		return dialog.Conversation{}, map[string]string{"prompt": "must not be empty"}
	}
	c := dialog.Conversation{Model: g.Model}
	if g.System != "" {
		c.Messages = append(c.Messages, dialog.Message{Role: dialog.System, Text: g.System})
	}
	c.Messages = append(c.Messages, dialog.Message{Role: dialog.User, Text: g.Prompt})
	return c, nil
}

type chat struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    dialog.Role `json:"role"`
		Content string      `json:"content"`
	} `json:"messages"`
	Tools []struct{} `json:"tools"`
}

func (c chat) conversation() (dialog.Conversation, map[string]string) {
	result := dialog.Conversation{Model: c.Model, Tools: len(c.Tools) > 0}
	wrong := map[string]string{}
	if len(c.Messages) == 0 {
		wrong["messages"] = "must hold at least one message"
	}
	for i, m := range c.Messages {
		if !m.Role.Known() {
			wrong[fmt.Sprintf("messages[%d].role", i)] = fmt.Sprintf("must be system, user, assistant or tool, got %q", m.Role)
		}
		result.Messages = append(result.Messages, dialog.Message{Role: m.Role, Text: m.Content})
	}
	return result, wrong
}

// status is what both answers share.
type status struct {
	Model              string `json:"model"`
	CreatedAt          string `json:"created_at"`
	Done               bool   `json:"done"`
	DoneReason         string `json:"done_reason"`
	TotalDuration      int64  `json:"total_duration"`
	LoadDuration       int64  `json:"load_duration"`
	PromptEvalCount    int    `json:"prompt_eval_count"`
	PromptEvalDuration int64  `json:"prompt_eval_duration"`
	EvalCount          int    `json:"eval_count"`
	EvalDuration       int64  `json:"eval_duration"`
}

func finish(a dialog.Answer) status {
	return status{
		Model: a.Model, CreatedAt: dialog.EpochText, Done: true, DoneReason: "stop",
		PromptEvalCount: a.PromptTokens, EvalCount: a.AnswerTokens,
	}
}

type generated struct {
	status
	Response string `json:"response"`
}

type chatted struct {
	status
	Message message `json:"message"`
}

type message struct {
	Role      dialog.Role `json:"role"`
	Content   string      `json:"content"`
	ToolCalls []toolCall  `json:"tool_calls,omitempty"`
}

type toolCall struct {
	ID       string   `json:"id"`
	Function function `json:"function"`
}

// function's arguments are an object here, other than in OpenAI's format.
type function struct {
	Name      string           `json:"name"`
	Arguments dialog.Arguments `json:"arguments"`
}

func reply(a dialog.Answer) message {
	said := message{Role: dialog.Assistant, Content: a.Text}
	if a.Call != nil {
		said.ToolCalls = []toolCall{{ID: a.Call.ID, Function: function{Name: a.Call.Name, Arguments: a.Call.Arguments}}}
	}
	return said
}

type tagList struct {
	Models []tag `json:"models"`
}

type tag struct {
	Name       string            `json:"name"`
	Model      string            `json:"model"`
	ModifiedAt string            `json:"modified_at"`
	Size       int64             `json:"size"`
	Digest     string            `json:"digest"`
	Details    map[string]string `json:"details"`
}

func tags(w http.ResponseWriter, _ *http.Request) error {
	httpserver.WriteJSON(w, http.StatusOK, tagList{Models: []tag{{
		Name: dialog.DefaultModel, Model: dialog.DefaultModel, ModifiedAt: dialog.EpochText,
		Details: map[string]string{"family": names.MockLLM},
	}}})
	return nil
}
