// Package app puts holmesgpt-api together: configuration, model, catalogue, audit trail, guard, routes.
//
// Readiness follows the model: without it every investigation fails. Datastorage is not part of it; audit events wait, and
// a search that fails says so. Readiness also waits for the API server's word that callers can be reviewed; a permission that
// is missing ends the process.
package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/api"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/investigate"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// auditCloseTimeout bounds the delivery of the last audit events when the process ends.
const auditCloseTimeout = 5 * time.Second

// options are what the environment says beside the configuration.
type options struct {
	config.Config
	port            int
	namespace       string
	kubeconfig      string
	key             string
	shutdownTimeout time.Duration
}

// read takes PORT, POD_NAMESPACE, KUBECONFIG, OPENAI_API_KEY and SHUTDOWN_TIMEOUT, and what package config takes.
func read(env *settings.Reader) (options, error) {
	o := options{
		port:            env.Port("PORT", names.HTTPPort),
		namespace:       env.String("POD_NAMESPACE", names.Namespace),
		kubeconfig:      env.String(clientcmd.RecommendedConfigPathEnvVar, ""),
		key:             env.Secret("OPENAI_API_KEY"),
		shutdownTimeout: env.Duration("SHUTDOWN_TIMEOUT", 15*time.Second),
	}
	var err error
	o.Config, err = config.Load(env)
	return o, errors.Join(env.Err(), err)
}

// Permissions returns everything that the service does in the cluster.
func Permissions() []permission.Rule { return auth.Permissions() }

// Run is holmesgpt-api as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) (err error) {
	o, err := read(env)
	if err != nil {
		return err
	}
	gate, guard, err := newGuard(ctx, o, log)
	if err != nil {
		return err
	}
	model, workflows, err := newClients(o)
	if err != nil {
		return err
	}
	registry := httpserver.NewRegistry()
	trail, err := newTrail(o, registry, log)
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditCloseTimeout)
		defer cancel()
		err = errors.Join(err, trail.Close(bounded))
	}()
	checks := map[string]httpserver.Check{"language-model": model.Reachable, "permissions": gate.Ready}
	server := newServer(o, checks, registry, log)
	api.New(investigate.New(investigate.Config{
		Model: model, Catalogue: workflows, Audit: trail, Registerer: registry, Timeout: o.Investigation.Timeout.Duration,
	}), o.Config).Register(server, guard.Wrap)
	return gate.Run(ctx, server.Run)
}

// newGuard also returns the gate of the guard's own permissions.
func newGuard(ctx context.Context, o options, log *slog.Logger) (*permission.Gate, *auth.Guard, error) {
	kube, err := auth.LoadConfig(o.kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	gate, err := permission.Open(ctx, kube, Permissions(), log)
	if err != nil {
		return nil, nil, err
	}
	guard, err := auth.New(kube, auth.Config{Namespace: o.namespace, Service: names.HolmesGPTService, Verb: api.Verb})
	return gate, guard, err
}

func newClients(o options) (*llm.Client, *catalogue.Client, error) {
	model, err := llm.New(llm.Config{
		Endpoint: o.LLM.Endpoint, Model: o.LLM.Model, Key: o.key, KeyFile: o.LLM.SecretsFile, Timeout: o.LLM.Timeout.Duration,
	})
	if err != nil {
		return nil, nil, err
	}
	workflows, err := catalogue.New(catalogue.Config{
		URL: o.DataStorage.URL, TokenFile: o.DataStorage.TokenFile, Timeout: o.DataStorage.Timeout.Duration,
	})
	return model, workflows, err
}

func newTrail(o options, registerer prometheus.Registerer, log *slog.Logger) (*audit.Client, error) {
	return audit.New(audit.Config{
		URL: o.DataStorage.URL, TokenFile: o.DataStorage.TokenFile, Capacity: o.Audit.BufferSize, BatchSize: o.Audit.BatchSize,
		Interval: o.Audit.FlushInterval.Duration, Timeout: o.DataStorage.Timeout.Duration, Logger: log, Registerer: registerer,
	})
}

func newServer(o options, checks map[string]httpserver.Check, registry *prometheus.Registry, log *slog.Logger) *httpserver.Server {
	return httpserver.New(httpserver.Config{
		Name:         names.HolmesGPTAPI,
		Addr:         net.JoinHostPort("", strconv.Itoa(o.port)),
		LivePaths:    []string{"/health"},
		ReadyPaths:   []string{"/ready"},
		Checks:       checks,
		CheckTimeout: 2 * time.Second,
		MaxBody:      api.MaxBody,
		// The answer of an investigation that took all of its time must still get out.
		WriteTimeout:    o.Investigation.Timeout.Duration + 10*time.Second,
		ShutdownTimeout: o.shutdownTimeout,
		Logger:          log,
		Registry:        registry,
	})
}
