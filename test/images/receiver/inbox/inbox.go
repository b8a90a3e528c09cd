// Package inbox is the receiver's memory and its routes.
//
//	POST /program            {"path": "/x", "statuses": [503, 503, 200], "header": {"Retry-After": "2"}, "repeat": false}: the
//	                         next posts to /x are answered so, one after the other; later ones with 200, or again from the
//	                         beginning if repeat is true. It replaces what was programmed for the path before.
//	GET  /requests?path=/x   the posts to /x since the start, the oldest first, as a JSON array of Request; without path, all
//	GET  /files/             the names, sizes and modes of the served folder's files, as a JSON array of FileInfo
//	GET  /files/NAME         a file
//	GET  /healthz            200
//	POST anything else       is remembered and answered as programmed, else with 200
//
// Nothing needs a token, and everything is forgotten at the end of the process. Tests use paths of their own, so that they may
// run at the same time.
package inbox

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"
)

// The memory's limits: a suite posts some hundreds of short messages.
const (
	maxRequests = 10_000
	maxBody     = 1 << 20
)

// Request is one remembered post.
type Request struct {
	Time   time.Time   `json:"time"`
	Path   string      `json:"path"`
	TLS    bool        `json:"tls"`
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

// Program says how posts to a path are answered.
type Program struct {
	Path     string            `json:"path"`
	Statuses []int             `json:"statuses"`
	Header   map[string]string `json:"header,omitempty"`
	Repeat   bool              `json:"repeat,omitempty"`
}

// FileInfo is one file of the served folder.
type FileInfo struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Mode holds the permission bits as ls shows them, for instance "-rw-------".
	Mode string `json:"mode"`
}

type inbox struct {
	now func() time.Time

	mu       sync.Mutex
	requests []Request
	programs map[string]*running
}

type running struct {
	Program
	next int
}

// New returns the routes. dir is the served folder; empty means none.
func New(dir string, now func() time.Time) http.Handler {
	in := &inbox{now: now, programs: map[string]*running{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /program", in.program)
	mux.HandleFunc("GET /requests", in.list)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /", in.receive)
	if dir != "" {
		mux.HandleFunc("GET /files/{$}", func(w http.ResponseWriter, _ *http.Request) { listFiles(w, dir) })
		mux.Handle("GET /files/", http.StripPrefix("/files/", http.FileServer(http.Dir(dir))))
	}
	return mux
}

func (in *inbox) program(w http.ResponseWriter, r *http.Request) {
	var program Program
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := errors.Join(decoder.Decode(&program), program.check()); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.programs[program.Path] = &running{Program: program}
}

func (p Program) check() error {
	if p.Path == "" {
		return errors.New("path must be set")
	}
	for _, status := range p.Statuses {
		if status < 200 || status > 599 {
			return errors.New("statuses must be from 200 to 599")
		}
	}
	return nil
}

func (in *inbox) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.requests) == maxRequests {
		http.Error(w, "the receiver's memory is full", http.StatusInsufficientStorage)
		return
	}
	in.requests = append(in.requests, Request{Time: in.now().UTC(), Path: r.URL.Path, TLS: r.TLS != nil, Header: r.Header, Body: string(body)})
	status, header := in.answer(r.URL.Path)
	for name, value := range header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
}

// answer returns the programmed status, and its header. The caller holds the lock.
func (in *inbox) answer(path string) (int, map[string]string) {
	program := in.programs[path]
	if program == nil || program.next == len(program.Statuses) {
		return http.StatusOK, nil
	}
	status := program.Statuses[program.next]
	program.next++
	if program.Repeat {
		program.next %= len(program.Statuses)
	}
	return status, program.Header
}

func (in *inbox) list(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	path, found := r.URL.Query().Get("path"), []Request{}
	for _, request := range in.requests {
		if path == "" || request.Path == path {
			found = append(found, request)
		}
	}
	writeJSON(w, found)
}

func listFiles(w http.ResponseWriter, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	found := []FileInfo{}
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a temporary file that was just renamed
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if info.Mode().IsRegular() {
			found = append(found, FileInfo{Name: info.Name(), Size: info.Size(), Mode: info.Mode().String()})
		}
	}
	writeJSON(w, found)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
}
