// Command demo makes and serves what corn is tried on: a conda channel of real
// packages, base images, and the lock files of the example project. It is no part
// of the shipped binary.
//
//	go run ./demo channel -o DIR          the channel, at DIR/corn-demo
//	go run ./demo base -o DIR             the base image, an OCI layout
//	go run ./demo base --onbuild -o DIR   the base image that pangeo's stands for
//	go run ./demo serve DIR               DIR over HTTP, as a CDN serves it
//	go run ./demo lock examples/hackweek --channel DIR
//	go run ./demo run                     the whole: build the example and run its kernels
//	go run ./demo reproducible            build it in many ways and compare the digests
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo: error:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "demo",
		Short:         "Make the channel, base image and locks that corn is tried on",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(channelCommand(), baseCommand(), serveCommand(), lockCommand(), runCommand(), reproducibleCommand())
	return root
}
