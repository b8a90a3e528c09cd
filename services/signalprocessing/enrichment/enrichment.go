// Package enrichment reads what the cluster says about a signal's target: its namespace, the target itself, its owners, and
// the properties that follow from them and from the objects around them.
//
// Targets are in any namespace, so every read goes to the API server, and none is served by a cache: caches of all pods and
// workloads would take memory that grows with the cluster, for the few objects that a signal needs, and would lag behind
// just when things change fast. A signal costs about ten small reads.
//
// Enrichment never fails, for signals come when clusters are in trouble. What cannot be read is left out: DegradedMode says
// that the target or its namespace is missing, FailedDetections names the properties that stayed unknown, and Result tells
// why. Time is bounded; what was found by then is kept.
//
// Not goals: metrics, logs, and any write.
package enrichment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/permission"
)

// MaxTimeout bounds what a signal may ask for, so that a few signals cannot hold up all others.
const MaxTimeout = time.Minute

// Enricher is safe for concurrent use.
type Enricher struct {
	// Reader reads from the API server, without a cache. Required.
	Reader client.Reader
	// Timeout of one signal that asks for none. Required.
	Timeout time.Duration
}

// Result is what was found.
type Result struct {
	// Context is never nil.
	Context *v1alpha1.KubernetesContext
	// Absent says that the target, its namespace, or its kind is not there; nil when both were found or could not be read.
	Absent error
	// Err joins what went wrong beyond absence, for instance an API server that did not answer in time.
	Err error
}

// Permissions returns the reads of this package, in the whole cluster.
func Permissions() []permission.Rule {
	get, list := []string{"get"}, []string{"list"}
	return []permission.Rule{
		{Resource: "pods", Verbs: []string{"get", "list"}},
		{Resource: "namespaces", Verbs: get},
		{Resource: "nodes", Verbs: get},
		{Resource: "services", Verbs: get},
		{Group: "apps", Resource: "daemonsets", Verbs: get},
		{Group: "apps", Resource: "deployments", Verbs: get},
		{Group: "apps", Resource: "replicasets", Verbs: get},
		{Group: "apps", Resource: "statefulsets", Verbs: get},
		{Group: "batch", Resource: "jobs", Verbs: get},
		{Group: "autoscaling", Resource: "horizontalpodautoscalers", Verbs: list},
		{Group: "networking.k8s.io", Resource: "networkpolicies", Verbs: list},
		{Group: "policy", Resource: "poddisruptionbudgets", Verbs: list},
	}
}

// Enrich reads what spec asks for. When ctx itself ends, the result is worthless.
func (e Enricher) Enrich(ctx context.Context, spec v1alpha1.SignalProcessingSpec) Result {
	if enabled := spec.EnrichmentConfig.EnableClusterState; enabled != nil && !*enabled {
		return Result{Context: &v1alpha1.KubernetesContext{}}
	}
	bounded, cancel := context.WithTimeout(ctx, e.timeout(spec.EnrichmentConfig))
	defer cancel()
	s := &search{reader: e.Reader, target: spec.Signal.TargetResource, context: &v1alpha1.KubernetesContext{}}
	s.run(bounded)
	s.context.DegradedMode = s.degraded
	return Result{Context: s.context, Absent: s.absent, Err: errors.Join(s.errs...)}
}

func (e Enricher) timeout(config v1alpha1.EnrichmentConfig) time.Duration {
	if config.Timeout == nil || config.Timeout.Duration <= 0 {
		return e.Timeout
	}
	return min(config.Timeout.Duration, MaxTimeout)
}

// search is the enrichment of one signal.
type search struct {
	reader  client.Reader
	target  v1alpha1.TargetResource
	context *v1alpha1.KubernetesContext

	degraded bool
	absent   error
	errs     []error
}

func (s *search) run(ctx context.Context) {
	if s.target.Namespace != "" && s.target.Kind != nodeKind {
		s.readNamespace(ctx)
	}
	object := newObject(s.target.Kind)
	if object == nil {
		s.missing(fmt.Errorf("targets of kind %q are not read", s.target.Kind))
		return
	}
	if !s.read(ctx, s.target.Kind, s.target.Name, object) {
		return
	}
	describe(s.context, object)
	subject := s.subject(ctx, object)
	s.readNode(ctx)
	s.context.DetectedLabels = s.detect(ctx, subject)
}

func (s *search) readNamespace(ctx context.Context) {
	var namespace corev1.Namespace
	if !s.read(ctx, "Namespace", s.target.Namespace, &namespace) {
		return
	}
	s.context.Namespace = &v1alpha1.NamespaceContext{
		Name: namespace.Name, Labels: namespace.Labels, Annotations: readable(namespace.Annotations),
	}
}

// readNode adds the node that the target pod runs on.
func (s *search) readNode(ctx context.Context) {
	if s.context.Pod == nil || s.context.Pod.NodeName == "" {
		return
	}
	var node corev1.Node
	if err := s.get(ctx, nodeKind, s.context.Pod.NodeName, &node); err != nil {
		s.tolerate(err)
		return
	}
	describe(s.context, &node)
}

// read gets an object without which the context is degraded.
func (s *search) read(ctx context.Context, kind, name string, object client.Object) bool {
	err := s.get(ctx, kind, name, object)
	switch {
	case apierrors.IsNotFound(err):
		s.missing(err)
	case err != nil:
		s.degraded = true
		s.errs = append(s.errs, err)
	}
	return err == nil
}

func (s *search) missing(why error) {
	s.degraded = true
	if s.absent == nil {
		s.absent = why
	}
}

// tolerate keeps an error other than absence. It returns whether there was one.
func (s *search) tolerate(err error) bool {
	if client.IgnoreNotFound(err) == nil {
		return false
	}
	s.errs = append(s.errs, err)
	return true
}

func (s *search) get(ctx context.Context, kind, name string, object client.Object) error {
	key := client.ObjectKey{Name: name}
	if kind != nodeKind && kind != "Namespace" {
		key.Namespace = s.target.Namespace
	}
	if err := s.reader.Get(ctx, key, object); err != nil {
		return fmt.Errorf("reading %s %q: %w", kind, key.String(), err)
	}
	return nil
}

// readable leaves out the annotation that repeats a whole object.
func readable(annotations map[string]string) map[string]string {
	kept := maps.Clone(annotations)
	delete(kept, corev1.LastAppliedConfigAnnotation)
	if len(kept) == 0 {
		return nil
	}
	return kept
}
