package plan

import (
	"encoding/json"
	"fmt"
)

// Set is several suites for one run in one cluster, as tools/e2e writes it into <set>.plan.json.
type Set struct {
	Version int       `json:"version"`
	Label   string    `json:"label"`  // "//test/e2e:all"
	Name    string    `json:"name"`   // "all"
	Suites  []string  `json:"suites"` // rlocation paths of their plans, in the order in which they start
	LeftOut []LeftOut `json:"leftOut,omitempty"`
}

// LeftOut is a suite beside the set that is not in it.
type LeftOut struct {
	Label  string `json:"label"`  // "//test/e2e:gateway-workers"
	Reason string `json:"reason"` // "its kind_config is //tools/e2e:kind_worker.yaml"
}

// IsSet tells a set from a single suite's plan.
func IsSet(data []byte) bool {
	var head struct {
		Suites json.RawMessage `json:"suites"`
	}
	return json.Unmarshal(data, &head) == nil && head.Suites != nil
}

// DecodeSet reads a set as strictly as Decode reads a plan.
func DecodeSet(name string, data []byte) (Set, error) {
	var s Set
	if err := decode(data, &s); err != nil {
		return Set{}, bad("reading plan %q: %v", name, err)
	}
	if err := s.validate(); err != nil {
		return Set{}, bad("reading plan %q: %v", name, err)
	}
	return s, nil
}

func (s Set) validate() error {
	if err := checkLabel(s.Label); err != nil {
		return err
	}
	if !dnsLabel.MatchString(s.Name) {
		return fmt.Errorf("name must be lower-case letters, digits and dashes, got %q", s.Name)
	}
	if len(s.Suites) == 0 {
		return fmt.Errorf("suites is empty")
	}
	for i, path := range s.Suites {
		if err := checkPath(fmt.Sprintf("suites[%d]", i), path); err != nil {
			return err
		}
	}
	return nil
}

// CheckTogether reports suites that cannot run beside each other in one cluster.
func CheckTogether(plans []Plan) error {
	seen := map[string]string{}
	for _, p := range plans {
		first := plans[0]
		if other, twice := seen[p.Name]; twice {
			return bad("suites %s and %s have the same name %q", other, p.Label, p.Name)
		}
		seen[p.Name] = p.Label
		if p.Cluster != first.Cluster {
			return bad("suites %s and %s want different clusters: %s with %s, and %s with %s", first.Label, p.Label,
				first.Cluster.Config, first.Cluster.NodeImage, p.Cluster.Config, p.Cluster.NodeImage)
		}
	}
	return nil
}
