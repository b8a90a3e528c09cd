// Package app puts notification together: settings, channels, the reconciler.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/notification/delivery"
	"github.com/kubernaut/kubernaut/services/notification/reconcile"
)

// Settings are what the service takes from its environment.
type Settings struct {
	Controller controller.Settings
	// OutputDir is OUTPUT_DIR (/var/lib/notification), where the channel file writes. It must exist by the first delivery.
	OutputDir string
	// FileFormat is FILE_FORMAT: json (the default) or yaml.
	FileFormat delivery.Format
	// SlackURL is SLACK_WEBHOOK_URL, a secret. While it is empty, deliveries by slack fail.
	SlackURL string
	// Timeout is DELIVERY_TIMEOUT (10s), of one attempt by webhook or slack.
	Timeout time.Duration
	// Defaults is DEFAULT_CHANNELS (console): a list with commas, of the channels of a request that names none.
	Defaults []v1alpha1.Channel
}

// ReadSettings reads them. The error names every invalid one.
func ReadSettings(env *settings.Reader) (Settings, error) {
	cfg := Settings{
		Controller: controller.ReadSettings(env),
		OutputDir:  env.String("OUTPUT_DIR", "/var/lib/notification"),
		FileFormat: delivery.Format(env.String("FILE_FORMAT", string(delivery.JSON))),
		SlackURL:   env.Secret("SLACK_WEBHOOK_URL"),
		Timeout:    env.Duration("DELIVERY_TIMEOUT", 10*time.Second),
	}
	if cfg.FileFormat != delivery.JSON && cfg.FileFormat != delivery.YAML {
		env.Fail("FILE_FORMAT", fmt.Sprintf("be json or yaml, got %q", cfg.FileFormat))
	}
	if slack, err := url.Parse(cfg.SlackURL); cfg.SlackURL != "" && (err != nil || slack.Host == "" || !slices.Contains([]string{"http", "https"}, slack.Scheme)) {
		env.Fail("SLACK_WEBHOOK_URL", "be of the form https://host/path")
	}
	supported := Channels()
	for _, word := range strings.Split(env.String("DEFAULT_CHANNELS", string(v1alpha1.ConsoleChannel)), ",") {
		channel := v1alpha1.Channel(strings.TrimSpace(word))
		if !slices.Contains(supported, channel) {
			env.Fail("DEFAULT_CHANNELS", fmt.Sprintf("be a list of %v, got %q", supported, channel))
		}
		cfg.Defaults = append(cfg.Defaults, channel)
	}
	return cfg, env.Err()
}

// Permissions returns what the service does in its namespace.
func Permissions(namespace string) []permission.Rule {
	return []permission.Rule{
		{Namespace: namespace, Group: names.APIGroup, Resource: "notificationrequests", Verbs: []string{"delete", "get", "list", "watch"}},
		{Namespace: namespace, Group: names.APIGroup, Resource: "notificationrequests/status", Verbs: []string{"patch"}},
		{Namespace: namespace, Group: "events.k8s.io", Resource: "events", Verbs: []string{"create", "patch"}},
	}
}

// Channels are those that the service has, sorted.
func Channels() []v1alpha1.Channel { return slices.Sorted(maps.Keys(channels(Settings{}))) }

func channels(cfg Settings) delivery.Channels {
	web := delivery.Webhook{
		Client: delivery.NewClient(cfg.Timeout), Missing: "no recipient has a webhookURL", Now: time.Now,
	}
	slack := web
	slack.URL, slack.Missing = cfg.SlackURL, "slack is not set up: SLACK_WEBHOOK_URL is empty"
	return delivery.Channels{
		v1alpha1.ConsoleChannel: delivery.NewConsole(os.Stdout),
		v1alpha1.FileChannel:    delivery.File{Dir: cfg.OutputDir, Format: cfg.FileFormat},
		v1alpha1.WebhookChannel: web,
		v1alpha1.SlackChannel:   slack,
	}
}

// Run is notification as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := ReadSettings(env)
	if err != nil {
		return err
	}
	return controller.Run(ctx, controller.Config{
		Name: names.Notification, Settings: cfg.Controller, Logger: log,
		Permissions: Permissions(cfg.Controller.Namespace),
	}, func(p controller.Platform) error {
		r := &reconcile.Reconciler{
			Client: p.GetClient(), API: p.GetAPIReader(), Sender: channels(cfg), Defaults: cfg.Defaults,
			Trail: p.Audit, Events: p.GetEventRecorder(names.Notification),
			Metrics: reconcile.NewMetrics(metrics.Registry, Channels()...), Now: time.Now,
		}
		return r.Watch(p.Manager)
	})
}
