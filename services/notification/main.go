// Notification delivers messages of the platform to people.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/process"
	"github.com/kubernaut/kubernaut/services/notification/app"
)

func main() { os.Exit(process.Main(names.Notification, os.Args[1:], os.LookupEnv, app.Run)) }
