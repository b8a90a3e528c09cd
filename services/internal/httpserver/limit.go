package httpserver

import (
	"net/http"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Limit lets at most n requests at once into next and answers 503 to the others, without a queue: a sender that backs
// off serves the platform better than one that waits.
func Limit(n int, next http.Handler) http.Handler {
	slots := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "%d requests are under way, try again later", n))
		}
	})
}
