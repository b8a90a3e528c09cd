// Command workflowexecution runs workflows against their targets, one at a time on each.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/workflowexecution/app"
)

func main() { os.Exit(process.Main(names.WorkflowExecution, os.Args[1:], os.LookupEnv, app.Run)) }
