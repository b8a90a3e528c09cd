package source_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	reapi "github.com/buchgr/bazel-remote/v2/genproto/build/bazel/remote/execution/v2"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	silence  = 300 * time.Millisecond // of tests that wait for it
	patience = 20 * time.Second       // of all others: the machine may be busy
)

// kind is what a reader's user may tell errors apart by.
type kind string

const (
	right    kind = "right bytes"
	absent   kind = "fs.ErrNotExist"
	corrupt  kind = "CorruptError"
	endpoint kind = "EndpointError"
	other    kind = "another error"
)

func kindOf(err error) kind {
	var wrong *source.CorruptError
	var server *source.EndpointError
	switch {
	case err == nil:
		return right
	case isNotExist(err):
		return absent
	case errors.As(err, &wrong):
		return corrupt
	case errors.As(err, &server):
		return endpoint
	}
	return other
}

// expect reads content and holds kind, words and number of requests against what came.
func expect(t *testing.T, c source.Cache, content string, want kind, words string) {
	t.Helper()
	c.Timeout = patience
	if strings.HasPrefix(words, "no byte") {
		c.Timeout = silence
	}
	start := time.Now()
	got, err := read(open(t, c), blobOf(content))
	if kindOf(err) != want || want == right && got != content {
		t.Errorf("got %d bytes, %v; want %s", len(got), err, want)
	}
	if want != corrupt && !strings.HasPrefix(content, got) {
		t.Errorf("got %d other bytes, want a prefix of the content", len(got))
	}
	if err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %q", err, words)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("got an end after %v", d)
	}
}

func TestBadHTTP(t *testing.T) {
	content := layer()
	half := len(content) / 2
	whole := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}
	type answer = func(w http.ResponseWriter, r *http.Request, nth int64)
	for _, tc := range []struct {
		name     string
		answer   answer
		want     kind
		words    string
		requests int64
	}{
		{"evicted", func(w http.ResponseWriter, r *http.Request, _ int64) { http.NotFound(w, r) }, absent, "opening blob", 1},
		{"unauthorized", func(w http.ResponseWriter, r *http.Request, _ int64) { http.Error(w, "", 401) }, endpoint, "it wants credentials: 401 Unauthorized", 1},
		{"forbidden", func(w http.ResponseWriter, r *http.Request, _ int64) { http.Error(w, "", 403) }, endpoint, "403 Forbidden", 1},
		{"busy once", func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				http.Error(w, "", 503)
				return
			}
			whole(w, r)
		}, right, "", 2},
		{"busy", func(w http.ResponseWriter, r *http.Request, _ int64) { http.Error(w, "", 503) }, endpoint, "503 Service Unavailable", 5},
		{"asks to wait long", func(w http.ResponseWriter, r *http.Request, _ int64) {
			w.Header().Set("Retry-After", "3600")
			http.Error(w, "", 429)
		}, endpoint, "429 Too Many Requests", 1},
		{"asks to wait until a date", func(w http.ResponseWriter, r *http.Request, _ int64) {
			w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			http.Error(w, "", 503)
		}, endpoint, "503 Service Unavailable", 1},
		{"this blob is broken", func(w http.ResponseWriter, r *http.Request, _ int64) { http.Error(w, "", 500) }, other, "500 Internal Server Error", 5},
		{"bad request", func(w http.ResponseWriter, r *http.Request, _ int64) { http.Error(w, "", 400) }, other, "400 Bad Request", 1},
		{"other size", func(w http.ResponseWriter, r *http.Request, _ int64) { io.WriteString(w, "x") }, corrupt, "the server has 1 bytes", 1},
		{"other bytes", func(w http.ResponseWriter, r *http.Request, _ int64) {
			io.WriteString(w, content[:half]+"X"+content[half+1:])
		}, corrupt, "its bytes have the digest", 1},
		{"cut once", func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				cut(w, len(content), content[:half])
				return
			}
			whole(w, r)
		}, right, "", 2},
		{"cut once, no ranges", func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				cut(w, len(content), content[:half])
				return
			}
			r.Header.Del("Range")
			whole(w, r)
		}, right, "", 2},
		{"cut once, ranges refused", func(w http.ResponseWriter, r *http.Request, n int64) {
			switch n {
			case 1:
				cut(w, len(content), content[:half])
			case 2:
				http.Error(w, "", 416)
			default:
				whole(w, r)
			}
		}, right, "", 3},
		{"always cut", func(w http.ResponseWriter, r *http.Request, _ int64) { cut(w, len(content), content[:half]) }, other, "unexpected EOF", 5},
		{"wrong range", func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				cut(w, len(content), content[:half])
				return
			}
			r.Header.Set("Range", "bytes=1-")
			whole(w, r)
		}, other, `got "bytes 1-`, 2},
		{"silent", func(w http.ResponseWriter, r *http.Request, _ int64) { <-r.Context().Done() }, endpoint, "no byte for 300ms", 1},
		{"silent in the middle", func(w http.ResponseWriter, r *http.Request, _ int64) {
			io.WriteString(w, content[:half])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, endpoint, "no byte for 300ms", 1},
		{"no HTTP", func(w http.ResponseWriter, r *http.Request, _ int64) { cut(w, 0, "") }, corrupt, "0 bytes", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			server := startHTTP(t, func(w http.ResponseWriter, r *http.Request) { tc.answer(w, r, requests.Add(1)) })
			expect(t, source.Cache{Endpoint: server}, content, tc.want, tc.words)
			if got := requests.Load(); got != tc.requests {
				t.Errorf("got %d requests, want %d", got, tc.requests)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	for _, scheme := range []string{"http", "grpc", "https", "grpcs"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			expect(t, source.Cache{Endpoint: scheme + "://127.0.0.1:1"}, "x", endpoint, "connection refused")
		})
	}
}

// A redirect to another host must not carry what is for the cache alone.
func TestRedirectLosesCredentials(t *testing.T) {
	var seen http.Header
	other := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		io.WriteString(w, "x")
	})
	first := startHTTP(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusFound) })
	expect(t, source.Cache{Endpoint: first, Headers: []source.Header{{Name: "X-Token", Value: "hunter2"}}}, "x", right, "")
	if got := seen.Get("X-Token"); got != "" {
		t.Errorf("got the token %q at another host", got)
	}
}

func TestBadGRPC(t *testing.T) {
	content := layer()
	half := len(content) / 2
	compressed := compress(t, content)
	type reader = func(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer, nth int64) (bool, error)
	fails := func(code codes.Code, words string) reader {
		return func(*bytestream.ReadRequest, bytestream.ByteStream_ReadServer, int64) (bool, error) {
			return true, status.Error(code, words)
		}
	}
	sends := func(content string, after error) reader {
		return func(_ *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer, _ int64) (bool, error) {
			return true, errors.Join(send(s, content), after)
		}
	}
	once := func(first reader) reader {
		return func(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer, nth int64) (bool, error) {
			if nth > 1 {
				return false, nil
			}
			return first(r, s, nth)
		}
	}
	hang := func(_ *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer, _ int64) (bool, error) {
		<-s.Context().Done()
		return true, s.Context().Err()
	}
	for _, tc := range []struct {
		name   string
		server grpcServer
		read   reader
		cache  source.Cache
		want   kind
		words  string
		reads  int64
	}{
		{name: "as it should be", want: right, reads: 1},
		{name: "evicted", read: fails(codes.NotFound, "gone"), want: absent, reads: 1},
		{name: "other digest function", server: grpcServer{functions: []reapi.DigestFunction_Value{reapi.DigestFunction_BLAKE3}}, want: endpoint, words: "its digest function is BLAKE3; images need SHA256"},
		{name: "no digest function", server: grpcServer{functions: []reapi.DigestFunction_Value{}}, want: endpoint, words: "is none"},
		{name: "unauthenticated", server: grpcServer{asked: answers(codes.Unauthenticated, "who is hunter2?")}, cache: source.Cache{Headers: []source.Header{{Name: "authorization", Value: "Bearer hunter2"}}}, want: endpoint, words: "it refuses the credentials: Unauthenticated: who is [redacted]?"},
		{name: "wrong password", server: grpcServer{asked: answers(codes.Unauthenticated, "ci is not hunter2")}, cache: source.Cache{Headers: []source.Header{{Name: "authorization", Value: "Basic Y2k6aHVudGVyMg=="}}}, want: endpoint, words: "Unauthenticated: ci is not [redacted]"},
		{name: "unknown instance", server: grpcServer{asked: answers(codes.NotFound, "")}, cache: source.Cache{Instance: "main"}, want: endpoint, words: `of instance "main": it is not there`},
		{name: "no permission for the blob", read: fails(codes.PermissionDenied, ""), want: endpoint, words: "PermissionDenied", reads: 1},
		{name: "unavailable once", read: once(fails(codes.Unavailable, "restarting")), want: right, reads: 2},
		{name: "unavailable", read: fails(codes.Unavailable, "restarting"), want: endpoint, words: "Unavailable: restarting", reads: 5},
		{name: "cancelled once", read: once(fails(codes.Canceled, "")), want: right, reads: 2},
		{name: "out of time once", read: once(fails(codes.DeadlineExceeded, "")), want: right, reads: 2},
		{name: "bad request", read: fails(codes.InvalidArgument, "no"), want: other, words: "InvalidArgument: no", reads: 1},
		{name: "broken once in the middle", read: once(sends(content[:half], status.Error(codes.Internal, "disk"))), want: right, reads: 2},
		{name: "truncated once", read: once(sends(content[:half], nil)), want: right, reads: 2},
		{name: "truncated", read: func(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer, _ int64) (bool, error) {
			return true, send(s, content[r.ReadOffset:][:1])
		}, want: other, words: "the stream ended after 5 bytes", reads: 5},
		{name: "nothing", read: sends("", nil), want: other, words: "the stream ended after 0 bytes", reads: 5},
		{name: "other bytes", read: sends("X"+content[1:], nil), want: corrupt, words: "its bytes have the digest", reads: 1},
		{name: "too many bytes", read: sends(content+"X", nil), want: corrupt, words: "more than", reads: 1},
		{name: "silent", read: hang, want: endpoint, words: "no byte for 300ms", reads: 1},
		{name: "silent capabilities", server: grpcServer{asked: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, want: endpoint, words: "no byte for 300ms"},
		{name: "zstd", read: sends(compressed, nil), cache: source.Cache{Compression: true}, want: right, reads: 1},
		{name: "zstd garbage", read: sends(content, nil), cache: source.Cache{Compression: true}, want: other, words: "reading zstd: ", reads: 1},
		{name: "zstd truncated", read: func(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer, _ int64) (bool, error) {
			rest := compress(t, content[r.ReadOffset:])
			return true, send(s, rest[:len(rest)*3/4])
		}, cache: source.Cache{Compression: true}, want: other, words: "the compressed stream ended too early", reads: 5},
		{name: "zstd of other bytes", read: sends(compress(t, "X"+content[1:]), nil), cache: source.Cache{Compression: true}, want: corrupt, words: "its bytes have the digest", reads: 1},
		{name: "zstd bomb", read: sends(compress(t, content+strings.Repeat("\x00", 64<<20)), nil), cache: source.Cache{Compression: true}, want: corrupt, words: "more than", reads: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var reads atomic.Int64
			server := tc.server
			server.content = map[string]string{blobOf(content).Digest: content}
			if tc.read == nil {
				tc.read = func(*bytestream.ReadRequest, bytestream.ByteStream_ReadServer, int64) (bool, error) {
					return false, nil
				}
			}
			server.read = func(r *bytestream.ReadRequest, s bytestream.ByteStream_ReadServer) (bool, error) {
				return tc.read(r, s, reads.Add(1))
			}
			tc.cache.Endpoint = startGRPC(t, "tcp", server)
			expect(t, tc.cache, content, tc.want, tc.words)
			if got := reads.Load(); got != tc.reads {
				t.Errorf("got %d reads, want %d", got, tc.reads)
			}
		})
	}
}

func answers(code codes.Code, words string) func(context.Context) error {
	return func(context.Context) error { return status.Error(code, words) }
}

func compress(t *testing.T, content string) string {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	return string(encoder.EncodeAll([]byte(content), nil))
}

func TestCancelledRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := startHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "la")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	reader, err := open(t, source.Cache{Endpoint: server}).Open(ctx, blobOf("layer"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := io.ReadFull(reader, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := io.ReadAll(reader); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
