package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// limits are in bytes.
type limits struct{ unpacked, compressed int64 }

func readLimits(getenv func(string) string) (limits, error) {
	unpacked, first := strconv.ParseInt(getenv(unpackedVar), 10, 64)
	compressed, second := strconv.ParseInt(getenv(compressedVar), 10, 64)
	if err := errors.Join(first, second); err != nil {
		return limits{}, fmt.Errorf("reading %s and %s: %w", unpackedVar, compressedVar, err)
	}
	return limits{unpacked: unpacked, compressed: compressed}, nil
}

// print writes one line per image and the total in which shared layers count once. Own is what no other image has.
func (r report) print(w io.Writer, most limits) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "image\tunpacked\town\tcompressed\town\t")
	users := r.users()
	for _, image := range r.Images {
		var all, own layer
		for _, id := range image.Layers {
			all = all.plus(r.Layers[id])
			if users[id] == 1 {
				own = own.plus(r.Layers[id])
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", image.Name, megabytes(all.Unpacked), megabytes(own.Unpacked), megabytes(all.Compressed), megabytes(own.Compressed))
	}
	total, shared := r.total(), r.shared(users)
	fmt.Fprintf(table, "all %d\t%s\t\t%s\t\t\n", len(r.Images), megabytes(total.Unpacked), megabytes(total.Compressed))
	fmt.Fprintf(table, "at most\t%s\t\t%s\t\t\n", megabytes(most.unpacked), megabytes(most.compressed))
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d layers, %d of them in several images: %s unpacked, stored once\n", len(r.Layers), shared.number, megabytes(shared.unpacked))
	return err
}

// check returns an error above a limit, or when the images do not stand on one base layer.
func (r report) check(most limits) error {
	var errs []error
	total := r.total()
	if total.Unpacked > most.unpacked {
		errs = append(errs, fmt.Errorf("the images have %s unpacked, at most %s are allowed", megabytes(total.Unpacked), megabytes(most.unpacked)))
	}
	if total.Compressed > most.compressed {
		errs = append(errs, fmt.Errorf("the images have %s compressed, at most %s are allowed", megabytes(total.Compressed), megabytes(most.compressed)))
	}
	for _, image := range r.Images {
		if image.Layers[0] != r.Images[0].Layers[0] {
			errs = append(errs, fmt.Errorf("the base layer of %s is not that of %s", image.Name, r.Images[0].Name))
		}
	}
	return errors.Join(errs...)
}

func (l layer) plus(other layer) layer {
	return layer{Unpacked: l.Unpacked + other.Unpacked, Compressed: l.Compressed + other.Compressed}
}

func (r report) total() layer {
	var total layer
	for _, l := range r.Layers {
		total = total.plus(l)
	}
	return total
}

// users counts the images that have a layer.
func (r report) users() map[string]int {
	users := map[string]int{}
	for _, image := range r.Images {
		for _, id := range image.Layers {
			users[id]++
		}
	}
	return users
}

type sharing struct {
	number   int
	unpacked int64
}

func (r report) shared(users map[string]int) sharing {
	var found sharing
	for id, number := range users {
		if number > 1 {
			found.number++
			found.unpacked += r.Layers[id].Unpacked
		}
	}
	return found
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
