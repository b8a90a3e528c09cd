// Package session begins a suite: it connects with the deployed platform and gets the account by which the suite reads what
// datastorage has recorded. It also holds how suites wait, and how they clean up.
//
// What a session makes is removed when the test is over, in the reverse order, whether it passed or not.
//
// Not a goal: a suite's own assertions. What only one suite needs stays with it.
package session

import (
	"context"
	"os"
	"testing"

	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// auditor is the role, in account names, of the one that reads datastorage.
const auditor = "auditor"

// cleanUpTime is what one clean-up may take; some wait for the cluster.
const cleanUpTime = platform.Patience

// Session is one run of a suite. It is safe for concurrent use.
type Session struct {
	*platform.Platform
	// DataStorage calls datastorage with an account that may use it.
	DataStorage records.Caller
}

// Connect begins the suite's run. The suite may call datastorage and the services of urls, which are variables of
// platform.Environment.
func Connect(t *testing.T, suite string, urls ...string) *Session {
	t.Helper()
	env, err := platform.ReadEnvironment(suite, os.LookupEnv, append([]string{platform.DataStorageURL}, urls...)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Connect(env)
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{Platform: p}
	account, token := s.NewAccount(t, auditor)
	if err := p.LetUseDataStorage(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	s.DataStorage = records.Caller{Service: s.Service(platform.DataStorageURL), Token: token}
	return s
}

// Service returns a client of the service that a variable of platform.Environment names.
func (s *Session) Service(variable string) *wire.Client { return wire.NewClient(s.URLs[variable]) }

// Auditor is the name of DataStorage's account.
func (s *Session) Auditor() string { return s.AccountName(auditor) }

// NewAccount makes an account for a role and returns its name and a token of it.
func (s *Session) NewAccount(t *testing.T, role string) (account, token string) {
	t.Helper()
	Finally(t, func(ctx context.Context) error { return s.RemoveAccount(ctx, s.AccountName(role)) })
	account, token, err := s.Account(t.Context(), role)
	if err != nil {
		t.Fatal(err)
	}
	return account, token
}

// Eventually waits until done returns nil; its last error fails the test.
func (s *Session) Eventually(t *testing.T, done func(context.Context) error) {
	t.Helper()
	if err := platform.Eventually(t.Context(), done); err != nil {
		t.Fatal(err)
	}
}

// Finally calls f after the test, when the test's own context is over. Its error fails the test.
func Finally(t *testing.T, f func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanUpTime)
		defer cancel()
		if err := f(ctx); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
}

// RemoveRequestsFinally removes the run's RemediationRequests after the test. A failed one leaves them in a file.
func (s *Session) RemoveRequestsFinally(t *testing.T) {
	t.Helper()
	Finally(t, s.RemoveRequests)
	s.DumpRequestsFinally(t)
}

// DumpRequestsFinally writes the run's RemediationRequests into a file when the test has failed.
func (s *Session) DumpRequestsFinally(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			file, err := s.DumpRequests(context.WithoutCancel(t.Context()))
			t.Logf("RemediationRequests of this run: %s %v", file, err)
		}
	})
}
