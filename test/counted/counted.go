// Package counted counts the bytes of an HTTP server's requests and answers, for servers of tests that say what they were sent.
package counted

import (
	"io"
	"net/http"
)

// Body is a request's, and how much was read of it.
type Body struct {
	io.ReadCloser
	N int64 // bytes
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.N += int64(n)
	return n, err
}

// Answer is one that is being written, its status and how much of its body was.
type Answer struct {
	http.ResponseWriter
	Status int   // http.StatusOK until another one is written; NewAnswer sets it
	N      int64 // bytes
}

// NewAnswer counts what is written to w.
func NewAnswer(w http.ResponseWriter) *Answer {
	return &Answer{ResponseWriter: w, Status: http.StatusOK}
}

// WriteHeader implements http.ResponseWriter.
func (a *Answer) WriteHeader(status int) {
	a.Status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *Answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.N += int64(n)
	return n, err
}
