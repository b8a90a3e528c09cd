# Which environment the target belongs to. The namespace's label kubernaut.ai/environment says it; without the label the
# namespace's name may tell, when exactly one environment is a word of it; else nobody knows.
package signalprocessing.environment

environment := decision.environment

# source is namespace-labels, namespace-name or default.
source := decision.source

default decision := {"environment": "unknown", "source": "default"}

decision := {"environment": lower(label), "source": "namespace-labels"} if {
	label != ""
} else := {"environment": name, "source": "namespace-name"} if {
	count(named) == 1
	some name in named
}

label := trim_space(input.namespace.labels["kubernaut.ai/environment"])

# "staging-of-production" tells nothing: it names two environments.
named contains environments[word] if some word in split(lower(input.namespace.name), "-")

environments := {
	"production": "production",
	"prod": "production",
	"prd": "production",
	"staging": "staging",
	"stage": "staging",
	"stg": "staging",
	"development": "development",
	"develop": "development",
	"dev": "development",
	"test": "test",
	"testing": "test",
	"qa": "test",
}
