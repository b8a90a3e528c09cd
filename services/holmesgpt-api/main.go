// Command holmesgpt-api investigates signals with a large language model.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/app"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
)

func main() { os.Exit(process.Main(names.HolmesGPTAPI, os.Args[1:], os.LookupEnv, app.Run)) }
