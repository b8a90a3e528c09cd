package investigate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/intake"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

const (
	// maxSearches bounds the tool calls of one investigation. When they are used up, no tool is offered any more, and the
	// model has to say what it found.
	maxSearches = 8
	// topK workflows are shown to the model per search; each costs one more call of the catalogue.
	topK = 5
)

// dialogue is the conversation of one investigation. It is not safe for concurrent use.
type dialogue struct {
	owner    *Investigator
	request  holmesgpt.IncidentRequest
	messages []llm.Message
	// asked and searched count calls of the model and of the tool.
	asked, searched int
}

// answer returns the model's next text. Tool calls on the way to it are served.
func (d *dialogue) answer(ctx context.Context) (string, error) {
	for {
		var tools []llm.Tool
		if d.searched < maxSearches {
			tools = []llm.Tool{searchTool()}
		}
		said, err := d.ask(ctx, tools)
		if err != nil {
			return "", err
		}
		if tools == nil {
			said.Calls = nil // a call that nobody answers would make the conversation invalid
		}
		d.messages = append(d.messages, said)
		if len(said.Calls) == 0 {
			return said.Text, nil
		}
		if err := d.serve(ctx, said.Calls); err != nil {
			return "", err
		}
	}
}

func (d *dialogue) ask(ctx context.Context, tools []llm.Tool) (llm.Message, error) {
	d.asked++
	started := time.Now()
	said, err := d.owner.cfg.Model.Complete(ctx, d.messages, tools)
	d.owner.metrics.called(err, time.Since(started))
	return said, err
}

// correct tells the model what was wrong with its last text.
func (d *dialogue) correct(attempt int, faults []string) {
	d.messages = append(d.messages, llm.Message{Role: llm.User, Text: correction(attempt, faults)})
}

func (d *dialogue) serve(ctx context.Context, calls []llm.Call) error {
	for _, call := range calls {
		result, err := d.run(ctx, call)
		if err != nil {
			return err
		}
		d.messages = append(d.messages, llm.Message{Role: llm.ToolRole, CallID: call.ID, Text: result})
	}
	return nil
}

// run returns the result of a call as JSON. What the model did wrong is a result, too; errors are the catalogue's.
func (d *dialogue) run(ctx context.Context, call llm.Call) (string, error) {
	d.searched++
	var arguments struct {
		Query string `json:"query"`
	}
	switch {
	case call.Tool != names.SearchWorkflowCatalogTool:
		return refusal("there is no such tool, use " + names.SearchWorkflowCatalogTool), nil
	case d.searched > maxSearches:
		return refusal("there were too many searches, answer with what you have"), nil
	case json.Unmarshal([]byte(call.Arguments), &arguments) != nil:
		return refusal(`the arguments must be a JSON object with the text "query"`), nil
	}
	filters, ok := d.filters(arguments.Query)
	if !ok {
		return refusal("query must be a signal type and a severity, separated by a blank"), nil
	}
	return d.search(ctx, filters)
}

// filters takes signal type and severity from the query. The other three are the signal's own: which environment a
// workflow may run in is not the model's choice.
func (d *dialogue) filters(query string) (catalog.Filters, bool) {
	filters := catalog.Filters{
		SignalType: d.request.SignalType, Severity: string(d.request.Severity), Component: strings.ToLower(d.request.ResourceKind),
		Environment: d.request.Environment, Priority: d.request.Priority,
	}
	words := strings.Fields(query)
	if len(words) == 0 {
		return filters, false
	}
	filters.SignalType = words[0]
	if last := strings.ToLower(words[len(words)-1]); len(words) > 1 && slices.Contains(holmesgpt.Severities(), holmesgpt.Severity(last)) {
		filters.Severity = last
	}
	return filters, intake.Word(filters.SignalType)
}

// candidate is a found workflow as the model sees it.
type candidate struct {
	WorkflowID     string          `json:"workflow_id"`
	Title          string          `json:"title"`
	Description    string          `json:"description"`
	Version        string          `json:"version"`
	ContainerImage string          `json:"containerImage"`
	Score          float64         `json:"score"`
	Parameters     json.RawMessage `json:"parameters,omitempty"`
}

func (d *dialogue) search(ctx context.Context, filters catalog.Filters) (string, error) {
	request := catalog.SearchRequest{Filters: filters, TopK: topK, RemediationID: d.request.RemediationID}
	response, err := d.owner.cfg.Catalogue.Search(ctx, request)
	if err != nil {
		return "", err
	}
	candidates := []candidate{}
	for _, result := range response.Workflows {
		// A search's results have no parameters, and without them the model could only guess.
		workflow, err := d.owner.cfg.Catalogue.Workflow(ctx, result.WorkflowID)
		if errors.Is(err, catalogue.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		candidates = append(candidates, candidate{
			WorkflowID: result.WorkflowID, Title: result.Title, Description: result.Description, Version: result.Version,
			ContainerImage: result.ContainerImage, Score: result.FinalScore, Parameters: workflow.Parameters,
		})
	}
	text, err := json.Marshal(map[string]any{"workflows": candidates})
	if err != nil {
		return "", fmt.Errorf("encoding the catalogue's answer: %w", err)
	}
	return string(text), nil
}

func refusal(text string) string {
	// One text always marshals.
	encoded, _ := json.Marshal(map[string]string{"error": text})
	return string(encoded)
}
