package doctor

import (
	"errors"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Variables judges IMAGE_REGISTRY and IMAGE_TAG as a run would take them. The registry is theirs, empty when there is none or
// when they are wrong.
func Variables(in plan.Input) (check Check, registry string) {
	check = Check{Name: "variables", State: OK}
	decision, err := plan.Decide(in)
	var input *plan.InputError
	switch {
	case errors.As(err, &input):
		check.State, check.Finding, check.Hints = Failure, input.Message, input.Hints
		return check, ""
	case err != nil:
		check.State, check.Finding = Failure, err.Error()
		return check, ""
	case decision.Destination == plan.Kind:
		check.Finding = "IMAGE_REGISTRY and IMAGE_TAG are not set: runs deliver into kind, and build nothing"
		if in.Automated { // where somebody may have meant to set them
			check.Hints = []string{"export IMAGE_REGISTRY=ghcr.io/${GITHUB_REPOSITORY,,} IMAGE_TAG=pr-123"}
		}
		return check, ""
	case decision.Stray:
		check.State, check.Hints = Warning, []string{"unset IMAGE_REGISTRY IMAGE_TAG", "--destination=kind"}
	}
	check.Finding = decision.String()
	return check, decision.Registry
}
