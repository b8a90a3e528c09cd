// Command authwebhook records which authenticated human did what to the platform's objects, before it is stored.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/authwebhook/app"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
)

func main() { os.Exit(process.Main(names.AuthWebhook, os.Args[1:], os.LookupEnv, app.Run)) }
