// Package app puts authwebhook together: settings, certificate, handlers.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/kubernaut/kubernaut/services/authwebhook/admission"
	"github.com/kubernaut/kubernaut/services/authwebhook/certificate"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// trustInterval is how often the webhook configurations are compared with the certificate: they may be applied after the
// process has started, or applied anew.
const trustInterval = 5 * time.Second

// Permissions returns what the code asks of the API server.
func Permissions(namespace string) []permission.Rule {
	rules := []permission.Rule{
		{Namespace: namespace, Resource: "secrets", Verbs: []string{"create"}},
		{Namespace: namespace, Resource: "secrets", Name: certificate.SecretName, Verbs: []string{"get", "update"}},
	}
	for _, kind := range []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"} {
		rules = append(rules, permission.Rule{Group: "admissionregistration.k8s.io", Resource: kind, Verbs: []string{"list", "update"}})
	}
	return rules
}

// Run is authwebhook as process.Main starts it. WEBHOOK_PORT is 9443 by default; the other settings are those of every
// controller.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	common, port := controller.ReadSettings(env), env.Port("WEBHOOK_PORT", names.WebhookPort)
	if err := env.Err(); err != nil {
		return err
	}
	var serving atomic.Pointer[tls.Certificate]
	server := webhook.NewServer(webhook.Options{Port: port, TLSOpts: []func(*tls.Config){func(cfg *tls.Config) {
		cfg.MinVersion = tls.VersionTLS13
		cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return serving.Load(), nil }
	}}})
	return controller.Run(ctx, controller.Config{
		Name: names.AuthWebhook, Settings: common, Permissions: Permissions(common.Namespace), Webhooks: server, Logger: log,
	}, func(platform controller.Platform) error {
		authority, keeper, err := ensure(ctx, platform, &serving)
		if err != nil {
			return err
		}
		for path, handler := range admission.Handlers(admission.Config{
			Scheme:       platform.GetScheme(),
			Audit:        platform.Audit,
			Orchestrator: "system:serviceaccount:" + platform.Namespace + ":" + names.RemediationOrchestrator,
			Log:          log,
		}) {
			// The manager starts its webhook server only for those who ask for it.
			platform.GetWebhookServer().Register(path, &webhook.Admission{Handler: handler})
		}
		trust := &truster{keeper: keeper, authority: authority, log: log}
		return errors.Join(
			platform.Add(manager.RunnableFunc(trust.run)),
			platform.AddReadyzCheck("webhook-server", server.StartedChecker()),
			platform.AddReadyzCheck("webhook-configurations", trust.ready),
		)
	})
}

// ensure reads or makes the certificate, before anything is served.
func ensure(ctx context.Context, platform controller.Platform, serving *atomic.Pointer[tls.Certificate]) ([]byte, certificate.Keeper, error) {
	direct, err := client.New(platform.GetConfig(), client.Options{Scheme: platform.GetScheme()})
	if err != nil {
		return nil, certificate.Keeper{}, fmt.Errorf("connecting to the Kubernetes API: %w", err)
	}
	keeper := certificate.Keeper{Client: direct, Namespace: platform.Namespace, Service: names.AuthWebhookService}
	pair, authority, err := keeper.Ensure(ctx)
	if err != nil {
		return nil, keeper, err
	}
	serving.Store(&pair)
	return authority, keeper, nil
}

// truster keeps the webhook configurations in step with the certificate.
type truster struct {
	keeper    certificate.Keeper
	authority []byte
	log       *slog.Logger
	trusted   atomic.Bool
}

func (t *truster) run(ctx context.Context) error {
	ticker := time.NewTicker(trustInterval)
	defer ticker.Stop()
	for {
		found, err := t.keeper.Trust(ctx, t.authority)
		if err != nil && ctx.Err() == nil {
			t.log.Warn("webhook configurations are not in step with the certificate", "error", err.Error())
		}
		t.trusted.Store(err == nil && found > 0)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (t *truster) ready(*http.Request) error {
	if t.trusted.Load() {
		return nil
	}
	return errors.New("no webhook configuration trusts this certificate yet")
}
