package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// reminder is how often a reason is logged that stays the same. It must be among the last lines of a pod that is given up,
// of which controller-runtime writes one for each failed probe.
const reminder = 10 * time.Second

// logged returns the check, which then also logs why it fails.
func logged(log *slog.Logger, name string, check healthz.Checker) healthz.Checker {
	var mu sync.Mutex
	var last string // reason that was logged
	var at time.Time
	return func(request *http.Request) error {
		err := check(request)
		mu.Lock()
		defer mu.Unlock()
		if reason := fmt.Sprint(err); reason != last || time.Since(at) >= reminder {
			last, at = reason, time.Now()
			if err != nil {
				log.Warn("not ready", "check", name, "reason", reason)
			}
		}
		return err
	}
}

// synced fails until every informer has read its objects once.
func synced(informers cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		bounded, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !informers.WaitForCacheSync(bounded) {
			return errors.New("the caches do not hold the cluster's state yet")
		}
		return nil
	}
}
