package delivery_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/notification/delivery"
)

const missing = "nobody has a URL"

func webhook(url string) delivery.Webhook {
	return delivery.Webhook{Client: delivery.NewClient(5 * time.Second), URL: url, Missing: missing, Now: time.Now}
}

func TestWebhookPostsASlackMessage(t *testing.T) {
	var posts []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts = append(posts, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer receiver.Close()
	if err := webhook("").Deliver(t.Context(), sample(), receiver.URL+"/hook"); err != nil {
		t.Fatal(err)
	}
	if err := webhook(receiver.URL+"/fixed").Deliver(t.Context(), sample(), receiver.URL+"/hook"); err != nil {
		t.Fatal(err)
	}
	if len(posts) != 2 || !strings.HasPrefix(posts[1], "POST /fixed ") {
		t.Fatalf("got %q, want a post to the recipient and one to the fixed URL", posts)
	}
	body, found := strings.CutPrefix(posts[0], "POST /hook application/json; charset=utf-8 ")
	if !found {
		t.Fatalf("got %q", posts[0])
	}
	var got any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	section := func(text string) any {
		return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}}
	}
	want := map[string]any{
		"text": "OOM &lt;web&gt; &amp; co",
		"blocks": []any{
			map[string]any{"type": "header", "text": map[string]any{"type": "plain_text", "text": "OOM <web> & co"}},
			section("line 1\nline 2"),
			section("<https://g/?a=1&amp;b=2|Board>"),
			map[string]any{"type": "context", "elements": []any{
				map[string]any{"type": "mrkdwn", "text": "escalation, priority high"}, map[string]any{"type": "mrkdwn", "text": "rr-1"},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestWebhookKeepsSlacksLimits(t *testing.T) {
	var got struct {
		Blocks []struct{ Text struct{ Text string } }
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&got)
	}))
	defer receiver.Close()
	m := sample()
	m.Subject, m.Body = strings.Repeat("ü", 500), strings.Repeat("ä", 65536)
	if err := webhook(receiver.URL).Deliver(t.Context(), m, ""); err != nil {
		t.Fatal(err)
	}
	var lengths []int
	for _, block := range got.Blocks[:11] {
		lengths = append(lengths, len([]rune(block.Text.Text)))
	}
	if diff := cmp.Diff([]int{150, 3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000}, lengths); diff != "" {
		t.Errorf("characters of the blocks (-want +got):\n%s", diff)
	}
	if last := got.Blocks[10].Text.Text; !strings.HasSuffix(last, "…") {
		t.Errorf("the last section does not tell that there was more")
	}
}

func TestWebhookJudgesAnswers(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for name, test := range map[string]struct {
		status    int
		after     string
		permanent bool
		wait      time.Duration
		want      string
	}{
		"unavailable":         {503, "", false, 0, "HOST answers 503 Service Unavailable"},
		"internal error":      {500, "nonsense", false, 0, "HOST answers 500 Internal Server Error"},
		"too many":            {429, "7", false, 7 * time.Second, "HOST answers 429 Too Many Requests"},
		"a date":              {503, "Tue, 03 Feb 2026 04:06:06 GMT", false, time.Minute, "HOST answers 503 Service Unavailable"},
		"a date that is over": {503, "Tue, 03 Feb 2026 04:04:06 GMT", false, 0, "HOST answers 503 Service Unavailable"},
		"not found":           {404, "7", true, 0, "HOST answers 404 Not Found"},
		"forbidden":           {403, "", true, 0, "HOST answers 403 Forbidden"},
		"redirect":            {307, "", true, 0, "HOST answers 307 Temporary Redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", test.after)
				w.WriteHeader(test.status)
			}))
			defer receiver.Close()
			hook := webhook(receiver.URL + "/T0/secret")
			hook.Now = func() time.Time { return now }
			failure := delivery.FailureOf(hook.Deliver(t.Context(), sample(), ""))
			if failure == nil {
				t.Fatal("got nil, want a failure")
			}
			want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(receiver.URL, "http://"))
			if failure.Permanent != test.permanent || failure.RetryAfter != test.wait || failure.Error() != want {
				t.Errorf("got %+v, want permanent %v, wait %v, %s", failure, test.permanent, test.wait, want)
			}
			if calls != 1 {
				t.Errorf("got %d calls, want 1", calls)
			}
		})
	}
}

func TestWebhookThatDoesNotAnswer(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	defer untrusted.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, test := range map[string]struct {
		url       string
		permanent bool
		want      string
	}{
		"untrusted certificate": {untrusted.URL + "/secret", true, "certificate"},
		"no listener":           {gone.URL + "/secret", false, "connection refused"},
		"no URL":                {"", true, missing},
		"no host":               {"https:///secret", true, "is not of the form"},
		"not a URL":             {"http://%zz/secret", true, "is not of the form"},
		"another scheme":        {"ftp://host/secret", false, "unsupported protocol scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			failure := delivery.FailureOf(webhook("").Deliver(t.Context(), sample(), test.url))
			if failure == nil || failure.Permanent != test.permanent || !strings.Contains(failure.Error(), test.want) {
				t.Fatalf("got %+v, want permanent %v and %q", failure, test.permanent, test.want)
			}
			if strings.Contains(failure.Error(), "secret") {
				t.Errorf("the URL's path is in %q", failure)
			}
		})
	}
}

// An answer without an end is left after some bytes, one that does not begin after the timeout.
func TestWebhookBoundsAnswers(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client leaves
		if r.URL.Path == "/silent" {
			<-r.Context().Done()
			return
		}
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 1<<20))
		}
	}))
	defer endless.Close()
	if err := webhook(endless.URL).Deliver(t.Context(), sample(), ""); err != nil {
		t.Errorf("endless answer: %v", err)
	}
	hook := webhook(endless.URL + "/silent")
	hook.Client.Timeout = 50 * time.Millisecond
	if failure := delivery.FailureOf(hook.Deliver(t.Context(), sample(), "")); failure == nil || failure.Permanent {
		t.Errorf("silent receiver: got %+v, want a failure that may be tried again", failure)
	}
}
