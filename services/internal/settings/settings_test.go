package settings_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/settings"
)

func reader(value string) *settings.Reader {
	return settings.New(func(string) (string, bool) { return value, true })
}

func TestReads(t *testing.T) {
	reads := map[string]func(*settings.Reader) any{
		"port":     func(r *settings.Reader) any { return r.Port("KEY", 8080) },
		"bool":     func(r *settings.Reader) any { return r.Bool("KEY", true) },
		"duration": func(r *settings.Reader) any { return r.Duration("KEY", time.Minute) },
		"string":   func(r *settings.Reader) any { return r.String("KEY", "fallback") },
		"url":      func(r *settings.Reader) any { return r.URL("KEY", "http://fallback:8080") },
	}
	for _, test := range []struct {
		read, value string
		want        any
		err         string
	}{
		{"port", "", 8080, ""},
		{"port", "1", 1, ""},
		{"port", "65536", 8080, `KEY must be a whole number from 1 to 65535, got "65536"`},
		{"port", "80a", 8080, `KEY must be a whole number from 1 to 65535, got "80a"`},
		{"bool", "", true, ""},
		{"bool", "false", false, ""},
		{"bool", "maybe", true, `KEY must be true or false, got "maybe"`},
		{"duration", "30s", 30 * time.Second, ""},
		{"duration", "30", time.Minute, `KEY must be a duration such as 30s, got "30"`},
		{"duration", "0s", time.Minute, `KEY must be a duration such as 30s, got "0s"`},
		{"string", "", "fallback", ""},
		{"string", "x", "x", ""},
		{"url", "", "http://fallback:8080", ""},
		{"url", "https://a.b/c", "https://a.b/c", ""},
		{"url", "a.b:80", "a.b:80", `KEY must be http(s)://host[:port], got "a.b:80"`},
		{"url", "http://u:hunter2@a.b", "http://u:hunter2@a.b", "KEY must be http(s)://host[:port], and not hold a user or password"},
		{"url", "http://u:hunter2@a.b:port", "http://u:hunter2@a.b:port", "KEY must be http(s)://host[:port], and not hold a user or password"},
	} {
		t.Run(test.read+" "+test.value, func(t *testing.T) {
			r := reader(test.value)
			if diff := cmp.Diff(test.want, reads[test.read](r)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			got := ""
			if err := r.Err(); err != nil {
				got = fmt.Sprint(err)
			}
			if diff := cmp.Diff(test.err, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	environment := map[string]string{"GLOBAL_TIMEOUT": "1h", "TOKEN": "from the environment"}
	lookup := func(key string) (string, bool) { value, found := environment[key]; return value, found }
	for _, test := range []struct {
		name string
		args []string
		want time.Duration
		err  string
	}{
		{"a flag wins over the environment", []string{"--global-timeout=5s"}, 5 * time.Second, ""},
		{"one dash is enough", []string{"-global-timeout=5s"}, 5 * time.Second, ""},
		{"no flag", nil, time.Hour, ""},
		{"unknown flag", []string{"--global-timout=5s"}, time.Hour, "--global-timout is no flag of this service"},
		{"no value", []string{"--global-timeout"}, time.Hour, `argument "global-timeout" must be a flag of the form --name=value`},
		{"a word", []string{"serve"}, time.Hour, `argument "serve" must be a flag of the form --name=value`},
		{"a secret is no flag", []string{"--token=x"}, time.Hour, "--token is no flag of this service"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := settings.New(lookup, test.args...)
			if got := r.Duration("GLOBAL_TIMEOUT", time.Minute); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if got := r.Secret("TOKEN"); got != "from the environment" {
				t.Errorf("secret: got %q, want the environment's", got)
			}
			got := ""
			if err := r.Err(); err != nil {
				got = err.Error()
			}
			if got != test.err {
				t.Errorf("error: got %q, want %q", got, test.err)
			}
		})
	}
}

func TestRequired(t *testing.T) {
	r := reader("")
	r.Required("POD_NAMESPACE")
	if err := r.Err(); err == nil || err.Error() != "POD_NAMESPACE must be set" {
		t.Errorf("got %v, want POD_NAMESPACE must be set", err)
	}
	if got := reader("here").Required("POD_NAMESPACE"); got != "here" {
		t.Errorf("got %q, want here", got)
	}
}
