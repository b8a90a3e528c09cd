package delivery_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/delivery"
	"github.com/kubernaut/kubernaut/services/notification/message"
)

func sample() message.Message {
	return message.Message{
		Name: "n1", Namespace: "ns", UID: "u1", Type: v1alpha1.Escalation, Priority: v1alpha1.PriorityHigh,
		Subject: "OOM <web> & co", Body: "line 1\nline 2", Metadata: map[string]string{"pod": "web"},
		ActionLinks:        []v1alpha1.ActionLink{{Service: "grafana", URL: "https://g/?a=1&b=2", Label: "Board"}},
		RemediationRequest: "rr-1", CreatedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
	}
}

func TestConsole(t *testing.T) {
	var out bytes.Buffer
	console := delivery.NewConsole(&out)
	if err := console.Deliver(t.Context(), sample(), ""); err != nil {
		t.Fatal(err)
	}
	line, rest, _ := strings.Cut(out.String(), "\n")
	var got map[string]message.Message
	if err := json.Unmarshal([]byte(line), &got); err != nil || rest != "" {
		t.Fatalf("got %q and error %v, want one line of JSON", out.String(), err)
	}
	if diff := cmp.Diff(map[string]message.Message{"notification": sample()}, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("stream closed") }

func TestConsoleThatIsClosed(t *testing.T) {
	failure := delivery.FailureOf(delivery.NewConsole(broken{}).Deliver(t.Context(), sample(), ""))
	if failure == nil || failure.Permanent || failure.Error() != "writing to the console: stream closed" {
		t.Errorf("got %+v, want a failure that may be tried again", failure)
	}
}

func TestFile(t *testing.T) {
	for format, decode := range map[delivery.Format]func([]byte, any) error{
		delivery.JSON: json.Unmarshal,
		delivery.YAML: func(data []byte, to any) error { return yaml.Unmarshal(data, to) },
	} {
		t.Run(string(format), func(t *testing.T) {
			file := delivery.File{Dir: t.TempDir(), Format: format}
			for range 2 { // the second delivery of a message replaces the first
				if err := file.Deliver(t.Context(), sample(), ""); err != nil {
					t.Fatal(err)
				}
			}
			entries, err := os.ReadDir(file.Dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != "n1.u1."+string(format) {
				t.Fatalf("got %v and error %v, want the message's file alone", entries, err)
			}
			info, err := entries[0].Info()
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode: got %v and error %v, want 0600", info.Mode(), err)
			}
			content, err := os.ReadFile(filepath.Join(file.Dir, entries[0].Name()))
			if err != nil {
				t.Fatal(err)
			}
			var got message.Message
			if err := decode(content, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sample(), got); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileOfALongName(t *testing.T) {
	m, file := sample(), delivery.File{Dir: t.TempDir(), Format: delivery.JSON}
	m.Name, m.UID = strings.Repeat("n", 253), strings.Repeat("u", 36)
	if err := file.Deliver(t.Context(), m, ""); err != nil {
		t.Error(err)
	}
}

// A folder that cannot be written leaves nothing behind, and may be there at the next try.
func TestFileWithoutAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	failure := delivery.FailureOf(delivery.File{Dir: dir, Format: delivery.JSON}.Deliver(t.Context(), sample(), ""))
	if failure == nil || failure.Permanent || !errors.Is(failure, os.ErrNotExist) {
		t.Errorf("got %+v, want a failure that may be tried again", failure)
	}
}

func TestFileThatCannotTakeItsName(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "n1.u1.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (delivery.File{Dir: dir, Format: delivery.JSON}).Deliver(t.Context(), sample(), ""); err == nil {
		t.Error("got nil, want an error")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*.tmp")); left != nil {
		t.Errorf("got %v, want no temporary file", left)
	}
}

func TestChannels(t *testing.T) {
	var out bytes.Buffer
	channels := delivery.Channels{v1alpha1.ConsoleChannel: delivery.NewConsole(&out), v1alpha1.FileChannel: delivery.File{}}
	if err := channels.Deliver(t.Context(), v1alpha1.ConsoleChannel, sample(), ""); err != nil || out.Len() == 0 {
		t.Errorf("got error %v and %q, want a line", err, out.String())
	}
	failure := delivery.FailureOf(channels.Deliver(t.Context(), v1alpha1.SMSChannel, sample(), ""))
	want := "channel sms is not supported; use one of [console file]"
	if failure == nil || !failure.Permanent || failure.Error() != want {
		t.Errorf("got %+v, want a permanent failure: %s", failure, want)
	}
	if delivery.FailureOf(nil) != nil {
		t.Error("no error: got a failure")
	}
}
