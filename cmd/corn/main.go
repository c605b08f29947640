// Command corn turns a repository of conda environments into one multi-kernel
// JupyterHub image.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/nasa-openscapes/corn/internal/cli"
)

func main() {
	// What lives is small beside what streams through; the default would let garbage grow to
	// twice of it, which decides how small a CI runner may be.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ^C ends corn at once
	code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
