// Package auth lets a request pass when its bearer token belongs to somebody who may use this Service.
//
// The token goes to the API server as a TokenReview; the user that it answers goes back as a SubjectAccessReview for the
// resource "services" with the Service's own name. So Kubernetes RBAC alone decides, and no secret is kept here.
// 401 means no valid token, 403 not allowed, 500 that a review could not be had: the service fails closed.
//
// There is no cache: a deleted token or binding takes effect at the next request.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/internal/review"
)

// Permissions returns what a Guard asks of the API server. Reviews are cluster-scoped.
func Permissions() []permission.Rule {
	return []permission.Rule{
		{Group: "authentication.k8s.io", Resource: "tokenreviews", Verbs: []string{"create"}},
		{Group: "authorization.k8s.io", Resource: "subjectaccessreviews", Verbs: []string{"create"}},
	}
}

// Config says which Service is guarded.
type Config struct {
	// Namespace and Service name the guarded Service. Required.
	Namespace, Service string
	// Verb returns the verb that a request needs; nil means "create" for every request.
	Verb func(*http.Request) string
}

// Guard is safe for concurrent use.
type Guard struct {
	cfg     Config
	reviews *review.Client
}

// LoadConfig returns the way to the API server: the kubeconfig file when path is not empty, else the pod's own account.
func LoadConfig(path string) (*rest.Config, error) {
	if path == "" { // BuildConfigFromFlags would print a warning among the JSON logs
		cfg, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("loading the pod's Kubernetes configuration: %w", err)
		}
		return cfg, nil
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("loading Kubernetes configuration %q: %w", path, err)
	}
	return cfg, nil
}

// New returns a guard that asks the API server behind kube.
func New(kube *rest.Config, cfg Config) (*Guard, error) {
	reviews, err := review.New(kube)
	if err != nil {
		return nil, err
	}
	if cfg.Verb == nil {
		cfg.Verb = func(*http.Request) string { return "create" }
	}
	return &Guard{cfg: cfg, reviews: reviews}, nil
}

type userKey struct{}

// User returns the name of the user that a Guard let pass, "" without one.
func User(ctx context.Context) string {
	name, _ := ctx.Value(userKey{}).(string)
	return name
}

// Wrap returns next behind the guard. Handlers find the caller with User.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return httpserver.Func(func(w http.ResponseWriter, r *http.Request) error {
		user, err := g.authenticate(w, r)
		if err != nil {
			return err
		}
		if err := g.authorize(r, user); err != nil {
			return err
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user.Username)))
		return nil
	})
}

func (g *Guard) authenticate(w http.ResponseWriter, r *http.Request) (authenticationv1.UserInfo, error) {
	none := authenticationv1.UserInfo{}
	token, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return none, problem.New(http.StatusUnauthorized, "the Authorization header must be: Bearer <service account token>")
	}
	answer, err := g.reviews.Token(r.Context(), authenticationv1.TokenReviewSpec{Token: token})
	if err != nil {
		return none, fmt.Errorf("reviewing token: %w", err)
	}
	if !answer.Authenticated || answer.User.Username == "" {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return none, problem.New(http.StatusUnauthorized, "the token is not valid")
	}
	return answer.User, nil
}

func (g *Guard) authorize(r *http.Request, user authenticationv1.UserInfo) error {
	verb := g.cfg.Verb(r)
	answer, err := g.reviews.Access(r.Context(), authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra(user.Extra),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: g.cfg.Namespace, Verb: verb, Resource: "services", Name: g.cfg.Service,
		},
	})
	if err != nil {
		return fmt.Errorf("reviewing access of %q: %w", user.Username, err)
	}
	if !answer.Allowed || answer.Denied {
		return problem.New(http.StatusForbidden, "%q may not %s services/%s in namespace %q", user.Username, verb,
			g.cfg.Service, g.cfg.Namespace)
	}
	return nil
}

// bearer returns the header's token. Blanks inside it are refused here: they cannot be part of a token.
func bearer(header string) (string, bool) {
	scheme, token, found := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	ok := found && strings.EqualFold(scheme, "Bearer") && token != "" && !strings.ContainsAny(token, " \t")
	return token, ok
}

func extra(in map[string]authenticationv1.ExtraValue) map[string]authorizationv1.ExtraValue {
	out := make(map[string]authorizationv1.ExtraValue, len(in))
	for key, values := range in {
		out[key] = authorizationv1.ExtraValue(values)
	}
	return out
}
