package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// errorTail bounds what is kept of datastorage's answer to a refused delivery.
const errorTail = 512

// deliver sends one batch. Datastorage stores a batch wholly or not at all, so a batch that it calls invalid is sent
// again event by event, and only the invalid ones are dropped.
func (c *Client) deliver(ctx context.Context, batch []Event) error {
	status, answer, err := c.post(ctx, "/batch", batch)
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		c.metrics.sent.Add(float64(len(batch)))
		return nil
	}
	if !invalid(status) {
		return refused(status, answer)
	}
	return c.deliverEach(ctx, batch)
}

func (c *Client) deliverEach(ctx context.Context, batch []Event) error {
	for _, event := range batch {
		status, answer, err := c.post(ctx, "", event)
		switch {
		case err != nil:
			return err
		case status == http.StatusCreated:
			c.metrics.sent.Inc()
		case invalid(status):
			c.drop([]Event{event}, dropInvalid, answer)
		default:
			return refused(status, answer)
		}
	}
	return nil
}

func (c *Client) post(ctx context.Context, path string, body any) (status int, answer string, err error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return 0, "", fmt.Errorf("encoding audit events: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+path, bytes.NewReader(payload))
	if err != nil {
		return 0, "", fmt.Errorf("sending audit events: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("sending audit events: %w", err)
	}
	defer response.Body.Close()
	tail, err := io.ReadAll(io.LimitReader(response.Body, errorTail))
	if err != nil {
		return 0, "", fmt.Errorf("reading answer to audit events: %w", err)
	}
	return response.StatusCode, string(tail), nil
}

func invalid(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity
}

func refused(status int, answer string) error {
	return fmt.Errorf("sending audit events: datastorage answered %d: %s", status, strings.TrimSpace(answer))
}
