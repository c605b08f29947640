// Command bench measures corn against the way that images with several kernels are built
// today: micromamba installs every environment, each becomes a layer. It asserts nothing.
// docs/design/figures.md says what is measured and what came out.
//
//	go run ./bench --dir .demo --corn bin/corn
//	go run ./bench --only builds --kernels 1 --runs 1
//
// Micromamba is found in $CORN_MICROMAMBA or on PATH. Without it the old way is packing the
// same files alone; without Docker nothing is loaded or started; without root nothing is cold.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/bench/oldway"
	"github.com/nasa-openscapes/corn/bench/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

// parts are what --only chooses from, in the order in which they run.
var parts = []string{"builds", "sizes", "loads", "changes", "starts", "launch", "memory", "solve"}

func command() *cobra.Command {
	var o options
	var markdown, plot string
	var asJSON bool
	cmd := &cobra.Command{
		Use:           "bench",
		Short:         "Measure corn against micromamba, tar and compression, and links against plain files",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, p := range o.only {
				if !slices.Contains(parts, p) {
					return fmt.Errorf("no part %q: want some of %s", p, strings.Join(parts, ", "))
				}
			}
			for _, n := range o.kernels {
				if n < 1 || n > world.MaxKernels {
					return fmt.Errorf("%d kernels: want 1 to %d", n, world.MaxKernels)
				}
			}
			b, err := newBench(cmd.Context(), o, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer b.close()
			failed := b.run(cmd.Context())
			// What was measured before something failed is shown all the same.
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				failed = errors.Join(failed, e.Encode(&b.res))
			} else {
				failed = errors.Join(failed, b.res.text(cmd.OutOrStdout()))
			}
			if plot != "" && failed == nil {
				failed = plotSolves(plot, &b.res.Solves)
			}
			if markdown != "" && failed == nil {
				failed = writeMarkdown(markdown, &b.res)
			}
			return failed
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", ".demo", "folder of the demo, with its channel and base; the bench works in bench/ below it")
	f.StringVar(&o.corn, "corn", filepath.Join("bin", "corn"), "corn's binary")
	f.IntSliceVar(&o.kernels, "kernels", []int{1, 3, 6}, "how many kernels the measured images have")
	f.IntVar(&o.runs, "runs", 3, "measure each thing so often and take the best")
	f.StringSliceVar(&o.only, "only", parts, "parts to measure")
	f.IntSliceVar(&o.layers, "layers", []int{10, 40, 80, 120}, "layers of the images that kernels are started in")
	f.Int64Var(&o.bigBytes, "big", 1_500_000_000, "size of the package that memory is measured with")
	f.BoolVar(&asJSON, "json", false, "print what was measured as JSON")
	f.StringVar(&markdown, "markdown", "", "file whose figures are to be replaced, between its two markers")
	f.Int64Var(&o.realBytes, "real", 200_000_000, "bytes of packages that the realistic project has besides the demo's, in each kernel")
	f.StringVar(&o.index, "index", filepath.Join("..", "shared", "data", "index"), "folder with a real index and real environments, for solves")
	f.DurationVar(&o.peerLimit, "peer-limit", 20*time.Second, "end a peer's solve that takes longer: the ratio is then a bound")
	f.StringVar(&plot, "plot", "", "SVG file to draw the growth of solves in")
	cmd.AddCommand(packCommand(), pushCommand(), compareCommand())
	return cmd
}

// pushCommand is what the bench starts itself as, to measure pushing like any program.
func pushCommand() *cobra.Command {
	var base string
	cmd := &cobra.Command{
		Use: "push REF LAYER...", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return pushImage(args[0], base, args[1:]) },
	}
	cmd.Flags().StringVar(&base, "base", "", "OCI layout to put the layers on")
	return cmd
}

// packCommand is what the bench starts itself as, to measure packing like any program.
func packCommand() *cobra.Command {
	o := oldway.PackOptions{UID: 1000, GID: 1000}
	var out, links string
	cmd := &cobra.Command{
		Use: "pack DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if links != "" {
				o.Content = oldway.LinksInto(links)
			}
			return oldway.PackFile(out, args[0], o)
		},
	}
	cmd.Flags().StringVar(&out, "to", "", "file to write")
	cmd.Flags().StringVar(&o.At, "at", "", "path in the layer")
	cmd.Flags().StringVar(&o.Compression, "compression", oldway.Zstd, "zstd, gzip or none")
	cmd.Flags().StringVar(&links, "links-into", "", "write files in place of links into this folder")
	return cmd
}
