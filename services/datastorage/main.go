// Command datastorage keeps the platform's audit events and its workflow catalogue.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/datastorage/app"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
)

func main() { os.Exit(process.Main(names.DataStorage, os.Args[1:], os.LookupEnv, app.Run)) }
