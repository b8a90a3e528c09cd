package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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

// TargetNamespace is the namespace that the run's signals are about. It need not exist.
func (p *Platform) TargetNamespace() string { return "e2e-" + p.Run }

// ofRun returns all RemediationRequests about TargetNamespace.
func (p *Platform) ofRun(ctx context.Context) ([]api.RemediationRequest, error) {
	var list api.RemediationRequestList
	if err := p.Client.List(ctx, &list, client.InNamespace(p.Namespace)); err != nil {
		return nil, fmt.Errorf("listing RemediationRequests: %w", err)
	}
	var own []api.RemediationRequest
	for _, request := range list.Items {
		if request.Spec.TargetResource.Namespace == p.TargetNamespace() {
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
