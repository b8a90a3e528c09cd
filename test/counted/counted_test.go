package counted_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/test/counted"
)

func TestCounted(t *testing.T) {
	body := &counted.Body{ReadCloser: io.NopCloser(strings.NewReader("12345"))}
	if _, err := io.Copy(io.Discard, body); err != nil || body.N != 5 {
		t.Errorf("got %d bytes, %v, want 5", body.N, err)
	}
	answer := counted.NewAnswer(httptest.NewRecorder())
	if answer.Status != http.StatusOK {
		t.Errorf("got status %d before one was written", answer.Status)
	}
	answer.WriteHeader(http.StatusCreated)
	io.WriteString(answer, "123")
	if answer.Status != http.StatusCreated || answer.N != 3 {
		t.Errorf("got status %d and %d bytes", answer.Status, answer.N)
	}
}
