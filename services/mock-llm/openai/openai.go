// Package openai is the OpenAI wire format: chat completions and the list of models.
//
// Requests are read as the API's clients send them: unknown fields are ignored, since clients add some with every release.
// What would change the form of the answer and is not implemented (streaming, several choices) is refused, so that a client
// does not wait for what never comes. Refusals are the platform's problems, not OpenAI's error objects.
//
// https://platform.openai.com/docs/api-reference/chat
package openai

import (
	"encoding/json"
	"net/http"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// Router registers handlers; *httpserver.Server is one.
type Router interface {
	HandleFunc(pattern string, handler httpserver.Func)
}

// Register adds POST /v1/chat/completions, the same without /v1, and GET /v1/models.
func Register(router Router, model dialog.Model) {
	complete := func(w http.ResponseWriter, r *http.Request) error {
		conversation, err := read(r)
		if err != nil {
			return err
		}
		httpserver.WriteJSON(w, http.StatusOK, completion(model.Answer(conversation)))
		return nil
	}
	router.HandleFunc("POST /v1/chat/completions", complete)
	router.HandleFunc("POST /chat/completions", complete)
	router.HandleFunc("GET /v1/models", models)
}

type modelList struct {
	Object string      `json:"object"`
	Data   []modelInfo `json:"data"`
}

type modelInfo struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func models(w http.ResponseWriter, _ *http.Request) error {
	httpserver.WriteJSON(w, http.StatusOK, modelList{
		Object: "list",
		Data:   []modelInfo{{ID: dialog.DefaultModel, Object: "model", Created: dialog.Epoch, OwnedBy: names.MockLLM}},
	})
	return nil
}

type response struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   usage    `json:"usage"`
}

type choice struct {
	Index        int     `json:"index"`
	Message      message `json:"message"`
	FinishReason string  `json:"finish_reason"`
}

// message is an answer's; its content is null beside a tool call.
type message struct {
	Role      dialog.Role `json:"role"`
	Content   *string     `json:"content"`
	ToolCalls []toolCall  `json:"tool_calls,omitempty"`
}

type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

// function's arguments are a JSON document in a string.
type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func completion(a dialog.Answer) response {
	said, reason := message{Role: dialog.Assistant, Content: &a.Text}, "stop"
	if a.Call != nil {
		// One string always marshals.
		arguments, _ := json.Marshal(a.Call.Arguments)
		called := toolCall{ID: a.Call.ID, Type: "function", Function: function{Name: a.Call.Name, Arguments: string(arguments)}}
		said, reason = message{Role: dialog.Assistant, ToolCalls: []toolCall{called}}, "tool_calls"
	}
	return response{
		ID: "chatcmpl-" + a.ID, Object: "chat.completion", Created: dialog.Epoch, Model: a.Model,
		Choices: []choice{{Message: said, FinishReason: reason}},
		Usage:   usage{PromptTokens: a.PromptTokens, CompletionTokens: a.AnswerTokens, TotalTokens: a.PromptTokens + a.AnswerTokens},
	}
}
