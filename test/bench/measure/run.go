package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MinRounds is how many rounds a figure needs to be written into a document, unless its suite says another number.
const MinRounds = 5

// Needed is how many rounds the suite's figures need to be written into a document.
func (s Suite) Needed() int { return cmp.Or(s.Rounds, MinRounds) }

// Run opens the suite, runs its rounds and closes it. A round that fails ends the run: a figure without its rival's is none.
func Run(ctx context.Context, s Suite, host *Host, rounds int) (result Result, err error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	host.facts = machine(host.Dir)
	result = Result{Suite: s.Name, Started: time.Now().UTC().Truncate(time.Second), Rounds: rounds, Columns: s.Columns}
	host.Log("%s: preparing", s.Name)
	bench, err := s.Open(ctx, host)
	if err != nil {
		return Result{}, fmt.Errorf("preparing suite %q: %w", s.Name, err)
	}
	defer func() {
		if closing := bench.Close(context.WithoutCancel(ctx)); closing != nil {
			err = errors.Join(err, fmt.Errorf("cleaning up after suite %q: %w", s.Name, closing))
		}
	}()
	result.Facts = host.facts
	for round := 1; round <= rounds; round++ {
		for _, competitor := range order(s.Competitors, round) {
			if err := result.round(ctx, s, bench, host, round, competitor); err != nil {
				return Result{}, err
			}
		}
	}
	result.judge(s)
	return result, nil
}

func (r *Result) round(ctx context.Context, s Suite, bench Bench, host *Host, number int, competitor string) error {
	round := &Round{Number: number, Competitor: competitor}
	start := time.Now()
	if err := bench.Round(ctx, competitor, round); err != nil {
		return fmt.Errorf("suite %q, round %d, %s: %w", s.Name, number, competitor, err)
	}
	for _, sample := range round.samples {
		if !slices.Contains(s.Cases, sample.Case) {
			return fmt.Errorf("suite %q measures case %q, which it does not declare", s.Name, sample.Case)
		}
		r.Samples = append(r.Samples, *sample)
	}
	host.Log("%s: round %d of %d, %s (%.1f s)", s.Name, number, r.Rounds, competitor, time.Since(start).Seconds())
	return nil
}

// order turns the list by one place a round.
func order(competitors []string, round int) []string {
	by := (round - 1) % len(competitors)
	return slices.Concat(competitors[by:], competitors[:by])
}

func (s Suite) check() error {
	if s.Name == "" || s.Open == nil || len(s.Competitors) == 0 || len(s.Cases) == 0 {
		return fmt.Errorf("suite %q must have a name, competitors, cases and Open", s.Name)
	}
	return nil
}
