// Package datastorage_test says what datastorage promises, on a real cluster. Two suites run it: datastorage with the SQLite
// file, datastorage-postgres with a database server. How the cluster is reached and changed is in test/e2e/internal.
//
// The subtests run one after the other. Each makes records under names that no other test and no other run has, so that the
// suite may run again and again on one cluster.
//
// DS14 (readiness while the database is unreachable) and DS15 (events survive a pod) belong to datastorage-postgres alone:
// SQLite's file is part of the process and goes with the pod. DS16 is that both suites pass, each with the store that it
// names; the part of it that a suite can see is which one it has.
package datastorage_test

import (
	"testing"
)

// databaseVar holds the suite's database server; it is not set in the suite without one.
const databaseVar = "E2E_DATABASE"

func TestDataStorage(t *testing.T) {
	s := connect(t)
	t.Run("DS16_store_is_the_suites", s.ownStore)
	t.Run("DS1_valid_event_is_stored", s.validEvent)
	t.Run("DS2_missing_field_is_named", s.missingField)
	t.Run("DS3_unknown_outcome_or_category_is_refused", s.unknownWord)
	t.Run("DS4_no_valid_token_no_access", s.noToken)
	t.Run("DS5_role_binding_decides", s.binding)
	t.Run("DS6_health_needs_no_token", s.health)
	t.Run("DS7_batch_is_stored_whole_or_not_at_all", s.batch)
	t.Run("DS8_query_returns_one_flow_in_order", s.query)
	t.Run("DS9_workflow_id_follows_the_formula", s.createWorkflow)
	t.Run("DS10_search_ranks_what_fits", s.search)
	t.Run("DS11_disabled_workflow", s.disable)
	t.Run("DS12_only_the_status_may_change", s.immutable)
	t.Run("DS13_request_is_rebuilt_from_its_flow", s.reconstruct)
	t.Run("DS17_catalogue_is_audited", s.catalogueTrail)
	t.Run("DS18_metrics_count_events_by_category", s.metrics)
	t.Run("DS19_repeated_event_is_stored_once", s.repeated)
	t.Run("DS20_strangers_get_problems", s.strangers)
	t.Run("DS21_filters_select_events", s.filters)
	t.Run("DS22_parallel_writers_lose_nothing", s.parallel)
	if s.database != "" {
		t.Run("DS15_events_survive_a_pod", s.survive)
		// The server's data go with its pod, so this comes last.
		t.Run("DS14_readiness_follows_the_database", s.databaseAway)
	}
}
