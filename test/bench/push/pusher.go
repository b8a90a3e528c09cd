package push

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// tool starts the programs that push, with an account file and no other setting.
type tool struct {
	slipway, crane string // programs
	home           string // folder of the account file
}

// login writes the account file for a registry, as `docker login` does.
func (t tool) login(host string) error {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return writeJSON(filepath.Join(t.home, "config.json"), map[string]any{
		"auths": map[string]any{host: map[string]string{"auth": auth}},
	})
}

// push brings the fleet to the registry under one tag.
type push func(ctx context.Context, f fleet, host, tag string) error

// together is one process for all images.
func (t tool) together(ctx context.Context, f fleet, host, tag string) error {
	return t.run(ctx, []string{"RUNFILES_DIR=" + f.dir},
		t.slipway, "push", "--plan="+f.plan(), "--registry="+repository(host), "--tag="+tag)
}

// inTurn is one process for each image, one after the other.
func (t tool) inTurn(ctx context.Context, f fleet, host, tag string) error {
	for _, service := range f.services() {
		if err := t.one(ctx, f, service, host, tag); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is one process for each image, all at the same time.
func (t tool) atOnce(ctx context.Context, f fleet, host, tag string) error {
	services := f.services()
	errs := make([]error, len(services))
	var all sync.WaitGroup
	for i, service := range services {
		all.Go(func() { errs[i] = t.one(ctx, f, service, host, tag) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (t tool) one(ctx context.Context, f fleet, service, host, tag string) error {
	return t.run(ctx, nil, t.crane, "push", f.layout(service), repository(host)+"/"+service+":"+tag)
}

func repository(host string) string { return host + "/bench" }

func (t tool) run(ctx context.Context, env []string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(env, "HOME="+t.home, "DOCKER_CONFIG="+t.home, "PATH=/usr/bin:/bin")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %q: %w\n%s", strings.Join(argv, " "), err, output.String())
	}
	return nil
}
