package api_test

import (
	"net/http"
	"testing"

	"github.com/kubernaut/kubernaut/services/datastorage/api"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

func TestDescriptionHasEveryRoute(t *testing.T) {
	server := httpserver.New(config())
	api.New(nil, nil, nil).Register(server, func(next http.Handler) http.Handler { return next })
	openapitest.Read(t, api.Description()).Routes(t, server)
}

func TestDescriptionHasEveryField(t *testing.T) {
	d := openapitest.Read(t, api.Description())
	d.Fields(t, map[string]any{
		"Event": audit.Event{}, "Workflow": catalog.Workflow{}, "Labels": catalog.Labels{}, "Page": catalog.Page{}, "Filters": catalog.Filters{},
		"Search": catalog.SearchRequest{}, "Result": catalog.Result{}, "Problem": problem.Details{},
	})
	openapitest.Words(t, d, "Category", names.EventCategories())
}
