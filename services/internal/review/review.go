// Package review asks the API server about tokens and permissions: TokenReview, SubjectAccessReview and
// SelfSubjectAccessReview.
//
// client-go's typed clients would do the same, but each of them brings the types of every API group into the binary, which
// more than doubles a service that needs nothing else of Kubernetes.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
package review

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// Client creates reviews, which the API server answers and does not store. It is safe for concurrent use.
type Client struct {
	authentication, authorization rest.Interface
}

// New returns a client of the API server behind kube, without a limit of requests: the API server has its own.
func New(kube *rest.Config) (*Client, error) {
	authentication, err := connect(kube, authenticationv1.SchemeGroupVersion, authenticationv1.AddToScheme)
	if err != nil {
		return nil, err
	}
	authorization, err := connect(kube, authorizationv1.SchemeGroupVersion, authorizationv1.AddToScheme)
	if err != nil {
		return nil, err
	}
	return &Client{authentication: authentication, authorization: authorization}, nil
}

func connect(kube *rest.Config, version schema.GroupVersion, register func(*runtime.Scheme) error) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	if err := register(scheme); err != nil {
		return nil, fmt.Errorf("registering %s: %w", version, err)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	kube = rest.CopyConfig(kube)
	kube.QPS = -1
	kube.APIPath = "/apis"
	kube.GroupVersion = &version
	kube.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(kube)
	if err != nil {
		return nil, fmt.Errorf("making a client of %s: %w", version, err)
	}
	return client, nil
}

// Token returns what the API server says about a token.
func (c *Client) Token(ctx context.Context, spec authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
	var answer authenticationv1.TokenReview
	err := create(ctx, c.authentication, "tokenreviews", &authenticationv1.TokenReview{Spec: spec}, &answer)
	return answer.Status, err
}

// Access returns what the API server says about somebody's permission.
func (c *Client) Access(ctx context.Context, spec authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
	var answer authorizationv1.SubjectAccessReview
	err := create(ctx, c.authorization, "subjectaccessreviews", &authorizationv1.SubjectAccessReview{Spec: spec}, &answer)
	return answer.Status, err
}

// OwnAccess returns what the API server says about the caller's own permission.
func (c *Client) OwnAccess(ctx context.Context, spec authorizationv1.SelfSubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
	var answer authorizationv1.SelfSubjectAccessReview
	err := create(ctx, c.authorization, "selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{Spec: spec}, &answer)
	return answer.Status, err
}

func create(ctx context.Context, client rest.Interface, resource string, review, answer runtime.Object) error {
	return client.Post().Resource(resource).Body(review).Do(ctx).Into(answer)
}
