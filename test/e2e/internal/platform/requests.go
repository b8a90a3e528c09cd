package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
)

// Requests returns the RemediationRequests of a fingerprint, by the field selector that the gateway uses.
func (p *Platform) Requests(ctx context.Context, fingerprint string) ([]api.RemediationRequest, error) {
	var list api.RemediationRequestList
	err := p.Client.List(ctx, &list, client.InNamespace(p.Namespace), client.MatchingFields{api.FingerprintField: fingerprint})
	if err != nil {
		return nil, fmt.Errorf("listing RemediationRequests of %q: %w", fingerprint, err)
	}
	return list.Items, nil
}

// Await waits until a RemediationRequest is in a phase. Another final phase ends the wait, with an error.
func (p *Platform) Await(ctx context.Context, name string, phase api.Phase) (request api.RemediationRequest, err error) {
	state := func() error {
		return fmt.Errorf("%s is %q (%s), want %s", name, request.Status.OverallPhase, request.Status.Message, phase)
	}
	err = Eventually(ctx, func(ctx context.Context) error {
		if err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: name}, &request); err != nil {
			return err
		}
		if got := request.Status.OverallPhase; got != phase && !got.Terminal() {
			return state()
		}
		return nil
	})
	if err == nil && request.Status.OverallPhase != phase {
		err = state()
	}
	return request, err
}

// TargetNamespace is the namespace that the run's signals are about, or the first part of its name, up to a dash. It need not
// exist.
func (p *Platform) TargetNamespace() string { return "e2e-" + p.Run }

// ofRun returns all RemediationRequests about the run's namespaces.
func (p *Platform) ofRun(ctx context.Context) ([]api.RemediationRequest, error) {
	var list api.RemediationRequestList
	if err := p.Client.List(ctx, &list, client.InNamespace(p.Namespace)); err != nil {
		return nil, fmt.Errorf("listing RemediationRequests: %w", err)
	}
	var own []api.RemediationRequest
	for _, request := range list.Items {
		if strings.HasPrefix(request.Spec.TargetResource.Namespace+"-", p.TargetNamespace()+"-") {
			own = append(own, request)
		}
	}
	return own, nil
}

// RemoveRequests deletes the run's RemediationRequests.
func (p *Platform) RemoveRequests(ctx context.Context) error {
	own, err := p.ofRun(ctx)
	errs := []error{err}
	for _, request := range own {
		errs = append(errs, client.IgnoreNotFound(p.Client.Delete(ctx, &request)))
	}
	return errors.Join(errs...)
}

// DumpRequests writes the run's RemediationRequests into OutputDir and returns the file's name.
func (p *Platform) DumpRequests(ctx context.Context) (string, error) {
	own, err := p.ofRun(ctx)
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(own, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encoding RemediationRequests: %w", err)
	}
	file := filepath.Join(p.OutputDir, "remediationrequests-"+p.Run+".json")
	return file, os.WriteFile(file, data, 0o644)
}
