// Remediationorchestrator drives RemediationRequests to their end.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/app"
)

func main() {
	os.Exit(process.Main(names.RemediationOrchestrator, os.Args[1:], os.LookupEnv, app.Run))
}
