package deployed_test

import "testing"

// TestDeployed is the test of all suites with a fault. That it runs is the failure: the deployment should have.
func TestDeployed(t *testing.T) { t.Error("the suite is deployed in spite of its fault") }
