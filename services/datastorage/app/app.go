// Package app puts datastorage together: settings, store, guard, routes.
//
// The listener opens at once and migrations run behind it, again and again until they succeed: a database that is away at
// start shows as "not ready", the same as one that goes away later, and not as a crash loop. A database that comes back
// empty is migrated again. A permission that is missing does end the process: nobody could be let in.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/kubernaut/kubernaut/services/datastorage/api"
	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// config is what the environment says.
type config struct {
	port            int
	database        store.Config
	namespace       string
	kubeconfig      string
	shutdownTimeout time.Duration
}

// read takes PORT, DATABASE_URL, DATA_DIR, POD_NAMESPACE, KUBECONFIG and SHUTDOWN_TIMEOUT.
func read(env *settings.Reader) (config, error) {
	cfg := config{
		port:            env.Port("PORT", names.HTTPPort),
		database:        store.Config{DatabaseURL: env.Secret("DATABASE_URL"), DataDir: env.String("DATA_DIR", "")},
		namespace:       env.String("POD_NAMESPACE", names.Namespace),
		kubeconfig:      env.String("KUBECONFIG", ""),
		shutdownTimeout: env.Duration("SHUTDOWN_TIMEOUT", 15*time.Second),
	}
	if dir := cfg.database.DataDir; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			env.Fail("DATA_DIR", fmt.Sprintf("be a folder that exists, got %q", dir))
		}
	}
	return cfg, env.Err()
}

// Permissions returns everything that the service does in the cluster.
func Permissions() []permission.Rule { return auth.Permissions() }

// Run is datastorage as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := read(env)
	if err != nil {
		return err
	}
	kube, err := auth.LoadConfig(cfg.kubeconfig)
	if err != nil {
		return err
	}
	gate, err := permission.Open(ctx, kube, Permissions(), log)
	if err != nil {
		return err
	}
	guard, err := auth.New(kube, auth.Config{Namespace: cfg.namespace, Service: names.DataStorageService})
	if err != nil {
		return err
	}
	records, err := store.Open(cfg.database)
	if err != nil {
		return err
	}
	server := httpserver.New(httpserver.Config{
		Name:            names.DataStorage,
		Addr:            net.JoinHostPort("", strconv.Itoa(cfg.port)),
		LivePaths:       []string{"/health", "/health/live"},
		ReadyPaths:      []string{"/health/ready"},
		Checks:          map[string]httpserver.Check{"database": records.Ready, "permissions": gate.Ready},
		CheckTimeout:    2 * time.Second,
		MaxBody:         api.MaxBatchBody,
		ShutdownTimeout: cfg.shutdownTimeout,
		Logger:          log,
	})
	api.New(records, records, time.Now).Register(server, guard.Wrap)

	migrating, stop := context.WithCancel(ctx)
	migrated := make(chan struct{})
	go func() {
		defer close(migrated)
		keepMigrated(migrating, records, log)
	}()
	err = gate.Run(ctx, server.Run)
	stop()
	<-migrated
	return errors.Join(err, records.Close())
}

// keepMigrated migrates at start, and again whenever a readiness check has found the schema gone, until ctx ends.
func keepMigrated(ctx context.Context, records *store.Store, log *slog.Logger) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		if !records.Migrated() {
			migrate(ctx, records, log)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// migrate tries until it succeeds or ctx ends.
func migrate(ctx context.Context, records *store.Store, log *slog.Logger) {
	const longest = 10 * time.Second
	for wait := time.Second / 4; ; wait = min(2*wait, longest) {
		err := records.Migrate(ctx)
		if err == nil {
			log.Info("database migrated")
			return
		}
		if ctx.Err() != nil {
			return
		}
		log.Warn("database cannot be migrated yet", "error", err.Error(), "retry_seconds", wait.Seconds())
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
