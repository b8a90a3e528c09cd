// Command push is "slipway push" alone: it sends images to a registry. It starts three times as fast as slipway, which has
// Kubernetes' and kind's clients in it; where nothing has changed, that is most of a push.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/interrupt"
)

func main() {
	os.Exit(command.Program{
		Default:  "push",
		Commands: map[string]command.Command{"push": delivery.PushCommand, "doctor": delivery.DoctorCommand},
		Usage:    delivery.Usage,
	}.Run(interrupt.Context(), os.Args[1:], os.Getenv, command.Streams{Out: os.Stdout, Err: os.Stderr}))
}
