// Package command is the gateway's command line and the one place where its parts are chosen and joined.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/gateway/config"
	"github.com/kubernaut/kubernaut/services/gateway/ingest"
	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// auditCloseTimeout bounds the delivery of the last audit events when the process ends.
const auditCloseTimeout = 5 * time.Second

// apiTimeout bounds one call to the Kubernetes API.
const apiTimeout = 10 * time.Second

// Main runs the gateway until SIGTERM or SIGINT and returns the exit code: 0 after a clean stop, 1 after an error, 2 for
// a wrong command line.
func Main(args []string, stdout, stderr io.Writer, lookup func(string) (string, bool)) int {
	flags := flag.NewFlagSet(names.Gateway, flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "YAML configuration `file`; without it the defaults hold")
	listen := flags.String("listen", "", "`address` to listen on, instead of the configuration's server.listenAddr")
	version := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "gateway: error: unexpected argument %q\n", flags.Arg(0))
		return 2
	case *version:
		fmt.Fprintln(stdout, names.Gateway, buildVersion())
		return 0
	}
	return process.Main(names.Gateway, nil, lookup, func(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
		cfg, err := config.Load(*file, env.String("POD_NAMESPACE", ""))
		if err != nil {
			return err
		}
		if *listen != "" {
			cfg.Server.ListenAddr = *listen
		}
		kubeconfig := env.String(clientcmd.RecommendedConfigPathEnvVar, "")
		return run(ctx, cfg, kubeconfig, log)
	})
}

// run serves until ctx ends. An empty kubeconfig means the pod's own ServiceAccount.
func run(ctx context.Context, cfg config.Config, kubeconfig string, log *slog.Logger) (err error) {
	api, err := connection(kubeconfig)
	if err != nil {
		return err
	}
	gate, err := permission.Open(ctx, api, remediation.Permissions(cfg.Processing.Namespace), log)
	if err != nil {
		return err
	}
	kube, err := newClient(api)
	if err != nil {
		return err
	}
	registry := httpserver.NewRegistry()
	trail, err := audit.New(audit.Config{
		URL:        cfg.DataStorage.URL,
		TokenFile:  cfg.DataStorage.TokenFile,
		Interval:   time.Second,
		Logger:     log,
		Registerer: registry,
	})
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditCloseTimeout)
		defer cancel()
		err = errors.Join(err, trail.Close(bounded))
	}()
	dedup := cfg.Processing.Deduplication
	store := remediation.New(kube, remediation.Config{
		Namespace:     cfg.Processing.Namespace,
		Holder:        holder(),
		Tries:         dedup.Tries,
		Backoff:       dedup.Backoff.Duration,
		MaxBackoff:    dedup.MaxBackoff.Duration,
		LeaseDuration: dedup.LeaseDuration.Duration,
	})
	server := httpserver.New(httpserver.Config{
		Name:        names.Gateway,
		Addr:        cfg.Server.ListenAddr,
		Checks:      map[string]httpserver.Check{"kubernetes-api": store.Ready, "permissions": gate.Ready},
		MaxBody:     cfg.Server.MaxBodyBytes,
		ReadTimeout: cfg.Server.ReadTimeout.Duration,
		DrainDelay:  cfg.Server.DrainDelay.Duration,
		Logger:      log,
		Registry:    registry,
	})
	ingest.New(ingest.Config{
		Requests:      store,
		Audit:         trail,
		Registerer:    registry,
		MaxConcurrent: cfg.Server.MaxConcurrentRequests,
	}).Register(server)
	return gate.Run(ctx, server.Run)
}

func connection(kubeconfig string) (*rest.Config, error) {
	api, err := auth.LoadConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	api.Timeout = apiTimeout
	api.UserAgent = names.Gateway
	api.QPS = -1 // the API server's own priority and fairness does the limiting; client-go's default of 5 a second would queue alerts
	return api, nil
}

// newClient returns a client without cache and without discovery: the two kinds that the gateway uses are known.
func newClient(api *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), coordinationv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("registering API types: %w", err)
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion(), coordinationv1.SchemeGroupVersion})
	mapper.Add(v1alpha1.GroupVersion().WithKind(v1alpha1.RemediationRequestKind), meta.RESTScopeNamespace)
	mapper.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	kube, err := client.New(api, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connecting to the Kubernetes API: %w", err)
	}
	return kube, nil
}

// holder names this replica in Leases. The random part tells two processes of one host name apart.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "_" + uuid.NewString()[:8]
}

func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
