package ghcr

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// service is what the challenge names; clients send it back.
const service = "ghcr.io"

// grant is what a bearer token was asked for, and by whom; account is nil for nobody.
type grant struct {
	account *Account
	scopes  []string // "kubernaut/gateway:pull"
}

// ExpireTokens makes every token of /token that was given so far invalid. Accounts keep theirs.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// issue follows https://distribution.github.io/distribution/spec/auth/token/. A scope to push is given to anybody: that it is
// not allowed comes out later. There is no OAuth 2 beside it: containerd begins with a POST, and comes back by GET after this answer.
func (s *Server) issue(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
		return
	}
	var account *Account
	if _, password, ok := r.BasicAuth(); ok {
		if account = s.find(password); account == nil {
			refuse(w, http.StatusForbidden, "DENIED", "denied")
			return
		}
	}
	scopes := scopesOf(r)
	for _, scope := range scopes {
		name, action, _ := strings.Cut(scope, ":")
		if action != string(Pull) {
			continue
		}
		if s.refusal(account, Pull, name) == "" {
			continue
		}
		if account == nil {
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		} else {
			refuse(w, http.StatusForbidden, "DENIED", s.refusal(account, Pull, name))
		}
		return
	}
	token := rand.Text()
	s.mu.Lock()
	s.tokens[token] = grant{account, scopes}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"token": token})
}

func (s *Server) refusal(a *Account, right Right, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var known *Package
	if p := s.packages[name]; p != nil {
		known = &p.Package
	}
	return a.refusal(right, name, known)
}

// scopesOf splits "repository:a/b:push,pull" into one "a/b:push" for each action.
func scopesOf(r *http.Request) []string {
	var list []string
	for _, value := range r.URL.Query()["scope"] {
		for scope := range strings.FieldsSeq(value) {
			name, actions, ok := cutLast(strings.TrimPrefix(scope, "repository:"), ":")
			if !ok {
				continue
			}
			for action := range strings.SplitSeq(actions, ",") {
				list = append(list, name+":"+action)
			}
		}
	}
	return list
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// admit answers a request that its token is not good for, and reports whether it is good.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, t target) (*Account, bool) {
	token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	g, known := s.tokens[token]
	s.mu.Unlock()
	right := rightOf(r)
	switch {
	case !known:
		s.challenge(w, r, t, right, sent)
		return nil, false
	case t.name == "":
		return g.account, true
	case !slices.Contains(g.scopes, t.name+":"+string(right)):
		s.challenge(w, r, t, right, true)
		return nil, false
	}
	if why := s.refusal(g.account, right, t.name); why != "" {
		refuse(w, http.StatusForbidden, "DENIED", why)
		return nil, false
	}
	return g.account, true
}

func rightOf(r *http.Request) Right {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return Pull
	}
	return Push
}

// challenge is https://distribution.github.io/distribution/spec/auth/token/#how-to-authenticate. Tokens are where the client found
// the registry: the nodes of a cluster have another address for it.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, t target, right Right, sent bool) {
	scheme, _, _ := strings.Cut(s.URL, ":")
	value := fmt.Sprintf(`Bearer realm="%s://%s/token",service="%s"`, scheme, r.Host, service)
	if t.name != "" {
		value += fmt.Sprintf(`,scope="repository:%s:%s"`, t.name, map[Right]string{Pull: "pull", Push: "pull,push"}[right])
	}
	if sent {
		value += `,error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", value)
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
}

// refuse answers in the form of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
