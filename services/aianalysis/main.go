// Command aianalysis obtains a root cause and a workflow for a signal, and decides whether a human must approve it.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/aianalysis/app"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
)

func main() { os.Exit(process.Main(names.AIAnalysis, os.Args[1:], os.LookupEnv, app.Run)) }
