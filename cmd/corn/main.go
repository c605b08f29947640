// Command corn turns a repository of conda environments into one multi-kernel
// JupyterHub image.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/nasa-openscapes/corn/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ^C ends corn at once
	code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
