package app_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/workflowid"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// OpenAI's own client has a whole conversation: prompt, tool call, result, analysis.
func TestOpenAIClientConverses(t *testing.T) {
	client := newClient(t)
	params := openai.ChatCompletionNewParams{
		Model: "gpt-4o",
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.DeveloperMessage("You look for root causes."),
			openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart("Signal: CrashLoopBackOff"), openai.TextContentPart("Environment: staging"),
			}),
		},
		Tools: []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name:       names.SearchWorkflowCatalogTool,
			Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"query": map[string]string{"type": "string"}}},
		})},
		Temperature: openai.Float(0),
	}
	asked, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	said := asked.Choices[0].Message
	if len(said.ToolCalls) != 1 || asked.Choices[0].FinishReason != "tool_calls" || asked.Model != "gpt-4o" {
		t.Fatalf("first turn: got %s, want one tool call", asked.RawJSON())
	}
	called := said.ToolCalls[0].AsFunction()
	if diff := cmp.Diff([]string{names.SearchWorkflowCatalogTool, `{"query":"CrashLoopBackOff high"}`}, []string{called.Function.Name, called.Function.Arguments}); diff != "" {
		t.Errorf("tool call (-want +got):\n%s", diff)
	}
	params.Messages = append(params.Messages, said.ToParam(), openai.ToolMessage(`{"workflows": [{"title": "OOMKilled recovery"}]}`, called.ID))
	answered, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	var analysis dialog.Analysis
	if err := json.Unmarshal([]byte(answered.Choices[0].Message.Content), &analysis); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(workflowid.New("crashloop-config-fix-v1", "staging"), analysis.SelectedWorkflow.WorkflowID); diff != "" {
		t.Errorf("workflow (-want +got):\n%s", diff)
	}
	if answered.Usage.TotalTokens != answered.Usage.PromptTokens+answered.Usage.CompletionTokens || answered.Usage.CompletionTokens == 0 {
		t.Errorf("usage: got %+v, want counts that add up", answered.Usage)
	}
}

func TestOpenAIClientListsModels(t *testing.T) {
	client := newClient(t)
	page, err := client.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 1 || page.Data[0].ID != dialog.DefaultModel || page.Data[0].Created != dialog.Epoch {
		t.Errorf("got %+v, want %s of %d", page.Data, dialog.DefaultModel, dialog.Epoch)
	}
}

// A client that streams learns at once that it cannot.
func TestOpenAIClientSeesRefusals(t *testing.T) {
	client := newClient(t)
	stream := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
		Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("OOMKilled")},
	})
	for stream.Next() {
		t.Errorf("got a chunk: %s", stream.Current().RawJSON())
	}
	var refused *openai.Error
	if !errors.As(stream.Err(), &refused) || refused.StatusCode != http.StatusBadRequest || !strings.Contains(string(refused.DumpResponse(true)), `"stream"`) {
		t.Errorf("got %v, want status 400 that names stream", stream.Err())
	}
}

func newClient(t *testing.T) openai.Client {
	t.Helper()
	s := start(t, app.Config{})
	return openai.NewClient(option.WithBaseURL(s.url+"/v1/"), option.WithAPIKey("unused"), option.WithMaxRetries(0))
}
