# Whether a human must approve the workflow before it runs. Every production target needs an approval, and so does every
# target once two recoveries have failed. The reason names the first cause that applies.
package aianalysis.approval

default require_approval := false

require_approval if repeated_recovery

require_approval if production

default reason := "Auto-approved"

reason := sprintf("Recovery attempt %d: earlier workflows did not help", [input.recovery_attempt_number]) if {
	repeated_recovery
} else := "Production target that is not among the signal's owners" if {
	production
	not input.target_in_owner_chain
} else := sprintf("Production target with failed detections: %s", [concat(", ", input.failed_detections)]) if {
	production
	count(input.failed_detections) > 0
} else := sprintf("Production target with warnings: %s", [concat("; ", input.warnings)]) if {
	production
	count(input.warnings) > 0
} else := "Production target that is stateful" if {
	production
	input.stateful
} else := "Production target" if {
	production
}

repeated_recovery if {
	input.is_recovery_attempt
	input.recovery_attempt_number >= 3
}

production if lower(input.environment) == "production"
