// Compress writes a file through zstd, for what waits on disk until it is used: a suite's test program takes a quarter.
//
// The output depends on the input and on the version of the compressor in go.mod alone.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "compress: error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("compress", flag.ContinueOnError)
	flags.SetOutput(stderr)
	input := flags.String("input", "", "the file to read")
	output := flags.String("output", "", "the file to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *input == "" || *output == "" || flags.NArg() > 0 {
		return fmt.Errorf("need --input and --output and nothing else, got %q", args)
	}
	return compress(*input, *output)
}

func compress(input, output string) error {
	source, err := os.Open(input)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(output)
	if err != nil {
		return err
	}
	// One thread: blocks that are compressed side by side are not the same on every machine.
	writer, err := zstd.NewWriter(target, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return errors.Join(err, target.Close())
	}
	_, err = io.Copy(writer, source)
	return errors.Join(err, writer.Close(), target.Close())
}
