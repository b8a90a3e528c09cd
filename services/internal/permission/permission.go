// Package permission asks the API server, when a service starts, whether the service may do what its code does.
//
// A verb that is missing from a Role would show up late, as a list that never ends or as an object that never moves. Here
// it ends the start, with a message that names verb, resource and namespace. The same list of rules is what a service's
// deploy test compares its manifest with: the Roles hold these verbs and no more.
//
// A controller can do nothing without the API server and does not start without its answer (Check). A service behind HTTP
// starts, is alive and not ready, and asks again until there is an answer (Gate): a crash loop would tell less, and take
// longer to end.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
package permission

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/kubernaut/kubernaut/services/internal/review"
)

// Rule is a set of verbs on one resource.
type Rule struct {
	// Namespace in which the verbs are needed; empty means in the whole cluster.
	Namespace string
	// Group is the API group; empty means the core group.
	Group string
	// Resource in plural, with its subresource if any: "pods", "remediationrequests/status".
	Resource string
	// Name restricts the rule to one object; empty means all.
	Name string
	// Verbs such as get, list, watch, create, update, patch, delete.
	Verbs []string
}

// Denial is the error of an account that lacks verbs.
type Denial struct {
	// Missing are the verbs with their resource and place: "list pods in shop".
	Missing []string
}

func (d *Denial) Error() string {
	return "this pod's ServiceAccount may not " + strings.Join(d.Missing, ", nor ") + "; add the verbs to its Role"
}

// Check asks for every verb of every rule. The error is a *Denial that names each one that is denied, or says why the API
// server did not answer.
func Check(ctx context.Context, config *rest.Config, rules []Rule) error {
	reviews, err := review.New(config)
	if err != nil {
		return err
	}
	var denied []string
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			allowed, err := ask(ctx, reviews, rule, verb)
			if err != nil {
				return fmt.Errorf("asking whether this account may %s %s: %w", verb, rule.Resource, err)
			}
			if !allowed {
				denied = append(denied, rule.describe(verb))
			}
		}
	}
	if len(denied) > 0 {
		return &Denial{Missing: denied}
	}
	return nil
}

func ask(ctx context.Context, reviews *review.Client, rule Rule, verb string) (bool, error) {
	resource, subresource, _ := strings.Cut(rule.Resource, "/")
	answer, err := reviews.OwnAccess(ctx, authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: rule.Namespace, Verb: verb, Group: rule.Group, Resource: resource, Subresource: subresource, Name: rule.Name,
		},
	})
	return answer.Allowed, err
}

func (r Rule) describe(verb string) string {
	resource := r.Resource
	if r.Group != "" {
		name, subresource, found := strings.Cut(r.Resource, "/")
		resource = name + "." + r.Group
		if found {
			resource += "/" + subresource
		}
	}
	if r.Name != "" {
		resource += " " + r.Name
	}
	return fmt.Sprintf("%s %s in %s", verb, resource, cmp.Or(r.Namespace, "the cluster"))
}
