// Package fault gives an error its exit code and the hints that slipway prints below it.
//
// A failure is reported once, by package cli: one "slipway: error:" line and at most two "slipway: hint:" lines, each of
// which is an action to type. Packages wrap their errors as usual and attach a Fault where the exit code or the hint is
// known; an error without one exits with Delivery.
package fault

import "errors"

// Exit codes of slipway.
const (
	Passed      = 0   // the suite passed
	TestsFailed = 1   // the suite ran and failed
	Usage       = 2   // flags, environment, plan or descriptor are wrong; nothing was touched
	Delivery    = 3   // a registry, the engine, the cluster or the deployment failed
	Interrupted = 130 // SIGINT or SIGTERM
)

// Fault is an error with an exit code and hints.
type Fault struct {
	Err  error
	Code int // one of the exit codes above
	// Hints are lines to type, without the "slipway: hint:" prefix; at most two are printed. A hint that begins with "--"
	// is a flag, which package cli makes a command line of the suite.
	Hints []string
}

// New attaches code and hints to err. It returns nil for a nil err.
func New(code int, err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return &Fault{Err: err, Code: code, Hints: hints}
}

func (f *Fault) Error() string { return f.Err.Error() }

func (f *Fault) Unwrap() error { return f.Err }

// Code returns the exit code of err: that of the outermost Fault in its chain, Delivery when there is none, Passed for nil.
func Code(err error) int {
	if err == nil {
		return Passed
	}
	var f *Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return Delivery
}

// Hints returns the hints of the outermost Fault in err's chain that has any.
func Hints(err error) []string {
	for err != nil {
		var f *Fault
		if !errors.As(err, &f) {
			return nil
		}
		if len(f.Hints) > 0 {
			return f.Hints
		}
		err = f.Err
	}
	return nil
}
