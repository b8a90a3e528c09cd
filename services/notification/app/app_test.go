package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/notification/app"
)

func lookup(values map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) { value, found := values[key]; return value, found }
}

func TestReadSettings(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		args []string
		want app.Settings
	}{
		"defaults": {
			want: app.Settings{OutputDir: "/var/lib/notification", FileFormat: "json", Timeout: 10 * time.Second, Defaults: []v1alpha1.Channel{"console"}},
		},
		"all": {
			env:  map[string]string{"SLACK_WEBHOOK_URL": "https://hooks.example.com/T/B", "DEFAULT_CHANNELS": "slack, file", "FILE_FORMAT": "yaml"},
			args: []string{"--output-dir=/x", "--delivery-timeout=3s"},
			want: app.Settings{
				OutputDir: "/x", FileFormat: "yaml", SlackURL: "https://hooks.example.com/T/B", Timeout: 3 * time.Second,
				Defaults: []v1alpha1.Channel{"slack", "file"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := app.ReadSettings(settings.New(func(key string) (string, bool) {
				if key == "POD_NAMESPACE" {
					return "ns", true
				}
				return lookup(test.env)(key)
			}, test.args...))
			if err != nil {
				t.Fatal(err)
			}
			got.Controller = controller.Settings{}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// Every invalid setting is named, and a URL with a secret is not quoted.
func TestReadSettingsNamesEveryInvalidKey(t *testing.T) {
	_, err := app.ReadSettings(settings.New(lookup(map[string]string{
		"POD_NAMESPACE": "ns", "FILE_FORMAT": "xml", "DEFAULT_CHANNELS": "console,email", "SLACK_WEBHOOK_URL": "hooks.example.com/s3cret",
		"DELIVERY_TIMEOUT": "soon",
	})))
	if err == nil {
		t.Fatal("got nil, want an error")
	}
	for _, want := range []string{
		`FILE_FORMAT must be json or yaml, got "xml"`, `DEFAULT_CHANNELS must be a list of [console file slack webhook], got "email"`,
		"SLACK_WEBHOOK_URL must be of the form https://host/path", "DELIVERY_TIMEOUT must be a duration",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the URL is in %v", err)
	}
}
