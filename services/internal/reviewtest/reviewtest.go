// Package reviewtest gives tests an API server that answers TokenReviews, SubjectAccessReviews and SelfSubjectAccessReviews
// over HTTP, as kube-apiserver does, from tables of tokens and permissions that the test can change while it runs.
package reviewtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Permission is what RBAC can grant here: a verb on one Service. It is comparable.
type Permission struct{ User, Namespace, Verb, Service string }

// Server is safe for concurrent use.
type Server struct {
	http *httptest.Server

	mu          sync.Mutex
	users       map[string]string
	permissions map[Permission]bool
	denied      map[authorizationv1.ResourceAttributes]bool
	failing     string
	reviews     []authorizationv1.SubjectAccessReviewSpec
}

// Start returns a server that knows nobody and denies its clients themselves nothing. It ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{users: map[string]string{}, permissions: map[Permission]bool{}, denied: map[authorizationv1.ResourceAttributes]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", s.reviewToken)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", s.reviewAccess)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", s.reviewOwnAccess)
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

// Config returns the client configuration for the server.
func (s *Server) Config() *rest.Config { return &rest.Config{Host: s.http.URL} }

// Kubeconfig returns the path of a kubeconfig file for the server.
func (s *Server) Kubeconfig(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "k", "cluster": {"server": %q}}],
		"contexts": [{"name": "c", "context": {"cluster": "k"}}]}`, s.http.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Token makes a token valid for a user; an empty user revokes it.
func (s *Server) Token(token, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[token] = user
}

// Grant gives or takes a permission.
func (s *Server) Grant(permission Permission, granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.permissions[permission] = granted
}

// Deny takes a permission from the clients themselves.
func (s *Server) Deny(access authorizationv1.ResourceAttributes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[access] = true
}

// Fail makes reviews of a resource ("tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews") fail with 500; "" ends that.
func (s *Server) Fail(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = resource
}

// Reviews returns the access reviews that were asked for, in their order.
func (s *Server) Reviews() []authorizationv1.SubjectAccessReviewSpec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]authorizationv1.SubjectAccessReviewSpec(nil), s.reviews...)
}

func (s *Server) reviewToken(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var review authenticationv1.TokenReview
	if s.refused(w, r, "tokenreviews", &review) {
		return
	}
	if user := s.users[review.Spec.Token]; user != "" {
		review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
			Username: user, UID: "uid-" + user, Groups: []string{"system:serviceaccounts", "system:authenticated"},
			Extra: map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/pod-name": {"pod"}},
		}}
	} else {
		review.Status.Error = "[invalid bearer token, token lookup failed]"
	}
	// kube-apiserver echoes the specification.
	answer(w, &review)
}

func (s *Server) reviewAccess(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var review authorizationv1.SubjectAccessReview
	if s.refused(w, r, "subjectaccessreviews", &review) {
		return
	}
	s.reviews = append(s.reviews, review.Spec)
	asked := review.Spec.ResourceAttributes
	review.Status.Allowed = asked != nil && asked.Resource == "services" && asked.Group == "" &&
		s.permissions[Permission{User: review.Spec.User, Namespace: asked.Namespace, Verb: asked.Verb, Service: asked.Name}]
	answer(w, &review)
}

func (s *Server) reviewOwnAccess(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var review authorizationv1.SelfSubjectAccessReview
	if s.refused(w, r, "selfsubjectaccessreviews", &review) {
		return
	}
	asked := review.Spec.ResourceAttributes
	review.Status.Allowed = asked != nil && !s.denied[*asked]
	answer(w, &review)
}

// refused decodes the request, and answers it when the server is to fail or the body is no review.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, resource string, review runtime.Object) bool {
	status := metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure}
	switch {
	case s.failing == resource:
		status.Code, status.Reason, status.Message = http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd is away"
	case decode(r, review) != nil:
		status.Code, status.Reason, status.Message = http.StatusBadRequest, metav1.StatusReasonBadRequest, "the object provided is unrecognized"
	default:
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status)
	return true
}

// decode reads JSON or protobuf: client-go sends built-in types as the latter.
func decode(r *http.Request, review runtime.Object) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return runtime.DecodeInto(scheme.Codecs.UniversalDeserializer(), body, review)
}

func answer(w http.ResponseWriter, review any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(review)
}
