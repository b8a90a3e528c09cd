// Package controller is how every controller of the platform starts, reports its health and stops.
//
// A controller watches its own namespace alone, so that several copies of the platform fit into one cluster. It refuses to
// start when its account lacks a verb, answers /healthz as soon as it runs and /readyz once its caches hold the cluster's
// state, and at its end lets reconciliations finish before the last audit events are sent.
//
// Not a goal: hiding controller-runtime. A service sets up its reconcilers on the Manager itself.
package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
)

// Times that bound start and stop.
const (
	permissionTimeout = 20 * time.Second
	shutdownTimeout   = 15 * time.Second
	auditCloseTimeout = 5 * time.Second
	// auditInterval is short, so that a flow's trail is there soon after the flow has ended.
	auditInterval = time.Second
)

// Config holds what differs between controllers.
type Config struct {
	// Name of the component, for instance names.SignalProcessing. Required.
	Name string
	// Settings of ReadSettings. Required.
	Settings Settings
	// Permissions that the code needs; see package permission. The events that controllers record need no entry: they
	// are best effort.
	Permissions []permission.Rule
	// MoreNamespaces are watched besides Settings.Namespace.
	MoreNamespaces []string
	// ByObject configures the cache of single types, for instance of cluster-scoped ones or of other namespaces.
	ByObject cache.Options
	// Webhooks serves admission reviews; nil means none.
	Webhooks webhook.Server
	// Logger; nil means slog.Default().
	Logger *slog.Logger
}

// Platform is what a controller's set-up builds on.
type Platform struct {
	ctrl.Manager
	// Audit takes events; it never blocks.
	Audit *audit.Client
	// Namespace of the custom resources.
	Namespace string
	// Log is the service's logger.
	Log *slog.Logger
}

// AddReadyzCheck adds a condition of readiness. Why it does not hold is logged when that changes and every 10 s, not at
// every probe.
func (p Platform) AddReadyzCheck(name string, check healthz.Checker) error {
	return p.Manager.AddReadyzCheck(name, logged(p.Log, name, check))
}

// Run starts a manager, lets setup add reconcilers, checks and metrics, and works until ctx ends. It returns nil after a
// clean stop.
func Run(ctx context.Context, cfg Config, setup func(Platform) error) (err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	logger := logr.FromSlogHandler(cfg.Logger.Handler())
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)

	kube, err := auth.LoadConfig(cfg.Settings.Kubeconfig)
	if err != nil {
		return err
	}
	kube.UserAgent = cfg.Name
	kube.QPS = -1 // the API server's own priority and fairness does the limiting
	if err := checkPermissions(ctx, kube, cfg.Permissions); err != nil {
		return err
	}
	trail, err := audit.New(audit.Config{
		URL: cfg.Settings.DataStorageURL, Interval: auditInterval, Logger: cfg.Logger, Registerer: metrics.Registry,
	})
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditCloseTimeout)
		defer cancel()
		err = errors.Join(err, trail.Close(bounded))
	}()
	manager, err := newManager(kube, cfg)
	if err != nil {
		return err
	}
	if err := setup(Platform{Manager: manager, Audit: trail, Namespace: cfg.Settings.Namespace, Log: cfg.Logger}); err != nil {
		return fmt.Errorf("setting up %s: %w", cfg.Name, err)
	}
	if err := manager.Start(ctx); err != nil {
		return fmt.Errorf("running %s: %w", cfg.Name, err)
	}
	return nil
}

func checkPermissions(ctx context.Context, kube *rest.Config, rules []permission.Rule) error {
	bounded, cancel := context.WithTimeout(ctx, permissionTimeout)
	defer cancel()
	return permission.Check(bounded, kube, rules)
}

// NewScheme returns the platform's own kinds and those of Kubernetes.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), clientgoscheme.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("registering API types: %w", err)
	}
	return scheme, nil
}

func newManager(kube *rest.Config, cfg Config) (ctrl.Manager, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	cached := cfg.ByObject
	cached.DefaultNamespaces = map[string]cache.Config{cfg.Settings.Namespace: {}}
	for _, namespace := range cfg.MoreNamespaces {
		cached.DefaultNamespaces[namespace] = cache.Config{}
	}
	timeout := shutdownTimeout
	manager, err := ctrl.NewManager(kube, ctrl.Options{
		Scheme:                  scheme,
		Cache:                   cached,
		Metrics:                 metricsserver.Options{BindAddress: cfg.Settings.MetricsAddress},
		HealthProbeBindAddress:  cfg.Settings.ProbeAddress,
		WebhookServer:           cfg.Webhooks,
		LeaderElection:          cfg.Settings.LeaderElect,
		LeaderElectionID:        cfg.Name + "." + names.APIGroup,
		LeaderElectionNamespace: cfg.Settings.Namespace,
		GracefulShutdownTimeout: &timeout,
	})
	if err != nil {
		return nil, fmt.Errorf("making the manager of %s: %w", cfg.Name, err)
	}
	return manager, errors.Join(
		manager.AddHealthzCheck("ping", healthz.Ping),
		manager.AddReadyzCheck("caches", logged(cfg.Logger, "caches", synced(manager.GetCache()))),
	)
}
