// Package app puts workflowexecution together: settings, permissions, the reconciler and its watches.
package app

import (
	"context"
	"log/slog"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
	"github.com/kubernaut/kubernaut/services/workflowexecution/reconcile"
)

// Settings are what the service takes from its environment.
type Settings struct {
	Controller controller.Settings
	// Template is WORKFLOW_NAMESPACE (required), WORKFLOW_SERVICE_ACCOUNT, DEFAULT_TIMEOUT (30m) and MEMORY_LIMIT (256Mi).
	Template job.Template
	// Policy is COOLDOWN (5m), BACKOFF_BASE (1m), BACKOFF_MAX (10m) and MAX_CONSECUTIVE_FAILURES (5).
	Policy lock.Policy
	// Grace is IMAGE_PULL_GRACE (1m).
	Grace time.Duration
}

// ReadSettings reads them. The error names every invalid one.
func ReadSettings(env *settings.Reader) (Settings, error) {
	cfg := Settings{
		Controller: controller.ReadSettings(env),
		Template: job.Template{
			Namespace:      env.Required("WORKFLOW_NAMESPACE"),
			ServiceAccount: env.String("WORKFLOW_SERVICE_ACCOUNT", names.WorkflowRunner),
			Timeout:        env.Duration("DEFAULT_TIMEOUT", 30*time.Minute),
		},
		Policy: lock.Policy{
			Cooldown:    env.Duration("COOLDOWN", 5*time.Minute),
			BackoffBase: env.Duration("BACKOFF_BASE", time.Minute),
			BackoffMax:  env.Duration("BACKOFF_MAX", 10*time.Minute),
			MaxFailures: int32(env.Int("MAX_CONSECUTIVE_FAILURES", 5, 1, 1000)),
		},
		Grace: env.Duration("IMAGE_PULL_GRACE", time.Minute),
	}
	limit, err := resource.ParseQuantity(env.String("MEMORY_LIMIT", "256Mi"))
	if err != nil || limit.Sign() <= 0 {
		env.Fail("MEMORY_LIMIT", "be an amount of memory such as 256Mi")
	}
	cfg.Template.MemoryLimit = limit
	return cfg, env.Err()
}

// Permissions returns what the service does in the namespace of the executions and in that of the Jobs.
func Permissions(namespace, workflows string) []permission.Rule {
	return []permission.Rule{
		{Namespace: namespace, Group: names.APIGroup, Resource: "workflowexecutions", Verbs: []string{"list", "patch", "watch"}},
		{Namespace: namespace, Group: names.APIGroup, Resource: "workflowexecutions/status", Verbs: []string{"patch"}},
		{Namespace: namespace, Group: "events.k8s.io", Resource: "events", Verbs: []string{"create", "patch"}},
		{Namespace: workflows, Group: batchv1.GroupName, Resource: "jobs", Verbs: []string{"create", "delete", "get", "list", "watch"}},
		{Namespace: workflows, Resource: "pods", Verbs: []string{"list", "watch"}},
		{Namespace: workflows, Resource: "events", Verbs: []string{"list"}},
	}
}

// Run is workflowexecution as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := ReadSettings(env)
	if err != nil {
		return err
	}
	namespace, workflows := cfg.Controller.Namespace, cfg.Template.Namespace
	return controller.Run(ctx, controller.Config{
		Name: names.WorkflowExecution, Settings: cfg.Controller, Logger: log,
		Permissions: Permissions(namespace, workflows),
		ByObject:    inWorkflows(workflows),
	}, func(p controller.Platform) error {
		if err := reconcile.IndexTarget(ctx, p.GetFieldIndexer()); err != nil {
			return err
		}
		r := &reconcile.Reconciler{
			Client: p.GetClient(), API: p.GetAPIReader(), Template: cfg.Template, Policy: cfg.Policy, Grace: cfg.Grace,
			Trail: p.Audit, Events: p.GetEventRecorder(names.WorkflowExecution),
			Metrics: reconcile.NewMetrics(metrics.Registry), Now: time.Now,
		}
		return r.Watch(p.Manager, namespace)
	})
}

// inWorkflows keeps what belongs to executions of the Jobs' namespace in the cache, and nothing else that runs there.
func inWorkflows(namespace string) cache.Options {
	own := cache.ByObject{
		Namespaces: map[string]cache.Config{namespace: {}},
		Label:      labels.SelectorFromSet(labels.Set{job.EngineLabel: string(v1alpha1.JobEngine)}),
	}
	return cache.Options{ByObject: map[client.Object]cache.ByObject{&batchv1.Job{}: own, &corev1.Pod{}: own}}
}
