package push

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The account that may push, as `docker login` would have stored it. It guards nothing.
const user, password = "bench", "loopback"

// issue answers with a token for the scopes that are asked for, to whoever has the account.
func (r *upstream) issue(w http.ResponseWriter, req *http.Request) {
	if name, word, ok := req.BasicAuth(); !ok || name != user || word != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	token := rand.Text()
	r.mu.Lock()
	r.tokens[token] = scopes(req)
	r.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300})
}

// scopes splits "repository:a/b:push,pull" into one scope for each action.
func scopes(req *http.Request) []string {
	var list []string
	for _, value := range req.URL.Query()["scope"] {
		for scope := range strings.FieldsSeq(value) {
			end := strings.LastIndex(scope, ":") + 1
			for action := range strings.SplitSeq(scope[end:], ",") {
				list = append(list, scope[:end]+action)
			}
		}
	}
	return list
}

// allowed tells whether the request's token is good for it. No request is answered without a token, the first one neither.
func (r *upstream) allowed(req *http.Request) bool {
	scope := needed(req)
	return scope == "" && r.grants(req, "") || scope != "" && r.grants(req, scope)
}

// needed is the scope of the request's repository; empty for the greeting.
func needed(req *http.Request) string {
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	for _, part := range []string{"/blobs/", "/manifests/"} {
		if repository, _, ok := strings.Cut(path, part); ok {
			if req.Method == http.MethodGet || req.Method == http.MethodHead {
				return "repository:" + repository + ":pull"
			}
			return "repository:" + repository + ":push"
		}
	}
	return ""
}

// grants tells whether the request's token has the scope; every token has the empty one.
func (r *upstream) grants(req *http.Request, scope string) bool {
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list, known := r.tokens[token]
	return known && (scope == "" || slices.Contains(list, scope))
}

func (r *upstream) challenge(w http.ResponseWriter, req *http.Request) {
	value := fmt.Sprintf(`Bearer realm="http://%s/token",service="bench"`, r.Host)
	if scope := needed(req); scope != "" {
		value += fmt.Sprintf(`,scope="%s"`, strings.TrimSuffix(scope, ":push"))
	}
	w.Header().Set("WWW-Authenticate", value)
	w.WriteHeader(http.StatusUnauthorized)
}
