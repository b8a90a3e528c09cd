package llm

import (
	"github.com/openai/openai-go/v3"
)

// Role says who speaks.
type Role string

// The roles. Tool messages answer a call.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	ToolRole  Role = "tool"
)

// Message is one turn of a conversation.
type Message struct {
	Role Role
	Text string
	// Calls are what an assistant's message asks for.
	Calls []Call
	// CallID is the call that a tool's message answers.
	CallID string
}

// Call asks for one run of a tool.
type Call struct {
	ID, Tool string
	// Arguments is JSON by the model's intention; nothing has checked it.
	Arguments string
}

// Tool is offered to the model.
type Tool struct {
	Name, Description string
	// Parameters is a JSON schema of an object.
	Parameters map[string]any
}

func messageParams(messages []Message) []openai.ChatCompletionMessageParamUnion {
	params := make([]openai.ChatCompletionMessageParamUnion, len(messages))
	for i, message := range messages {
		switch message.Role {
		case System:
			params[i] = openai.SystemMessage(message.Text)
		case User:
			params[i] = openai.UserMessage(message.Text)
		case ToolRole:
			params[i] = openai.ToolMessage(message.Text, message.CallID)
		default:
			params[i] = assistant(message)
		}
	}
	return params
}

func assistant(message Message) openai.ChatCompletionMessageParamUnion {
	var said openai.ChatCompletionAssistantMessageParam
	// An absent content is allowed beside calls alone.
	if message.Text != "" || len(message.Calls) == 0 {
		said.Content.OfString = openai.String(message.Text)
	}
	for _, call := range message.Calls {
		said.ToolCalls = append(said.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
			OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
				ID:       call.ID,
				Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: call.Tool, Arguments: call.Arguments},
			},
		})
	}
	return openai.ChatCompletionMessageParamUnion{OfAssistant: &said}
}

func toolParams(tools []Tool) []openai.ChatCompletionToolUnionParam {
	var params []openai.ChatCompletionToolUnionParam
	for _, tool := range tools {
		params = append(params, openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: tool.Name, Description: openai.String(tool.Description), Parameters: tool.Parameters,
		}))
	}
	return params
}

func reply(message openai.ChatCompletionMessage) Message {
	said := Message{Role: Assistant, Text: message.Content}
	for _, call := range message.ToolCalls {
		said.Calls = append(said.Calls, Call{ID: call.ID, Tool: call.Function.Name, Arguments: call.Function.Arguments})
	}
	return said
}
