package certificate

import (
	"bytes"
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Trust writes the authority into every webhook that calls the Service, and returns how many it found. Configurations of
// other copies of the platform are left alone: they call another namespace's Service.
func (k Keeper) Trust(ctx context.Context, authority []byte) (int, error) {
	configurations, err := k.configurations(ctx)
	if err != nil {
		return 0, err
	}
	found := 0
	for _, configuration := range configurations {
		calling, changed := k.write(configuration.calls, authority)
		found += calling
		if !changed {
			continue
		}
		if err := k.Client.Update(ctx, configuration.object); err != nil {
			return 0, fmt.Errorf("writing webhook configuration %q: %w", configuration.object.GetName(), err)
		}
	}
	return found, nil
}

// configuration is a webhook configuration of either kind.
type configuration struct {
	object client.Object
	calls  []*admissionv1.WebhookClientConfig
}

func (k Keeper) configurations(ctx context.Context) ([]configuration, error) {
	var mutating admissionv1.MutatingWebhookConfigurationList
	if err := k.Client.List(ctx, &mutating); err != nil {
		return nil, fmt.Errorf("listing mutating webhook configurations: %w", err)
	}
	var validating admissionv1.ValidatingWebhookConfigurationList
	if err := k.Client.List(ctx, &validating); err != nil {
		return nil, fmt.Errorf("listing validating webhook configurations: %w", err)
	}
	var all []configuration
	for i := range mutating.Items {
		one := configuration{object: &mutating.Items[i]}
		for j := range mutating.Items[i].Webhooks {
			one.calls = append(one.calls, &mutating.Items[i].Webhooks[j].ClientConfig)
		}
		all = append(all, one)
	}
	for i := range validating.Items {
		one := configuration{object: &validating.Items[i]}
		for j := range validating.Items[i].Webhooks {
			one.calls = append(one.calls, &validating.Items[i].Webhooks[j].ClientConfig)
		}
		all = append(all, one)
	}
	return all, nil
}

// write returns how many of the webhooks call the Service, and whether one of them trusted another authority.
func (k Keeper) write(calls []*admissionv1.WebhookClientConfig, authority []byte) (calling int, changed bool) {
	for _, call := range calls {
		if call.Service == nil || call.Service.Namespace != k.Namespace || call.Service.Name != k.Service {
			continue
		}
		calling++
		if !bytes.Equal(call.CABundle, authority) {
			call.CABundle, changed = authority, true
		}
	}
	return calling, changed
}
