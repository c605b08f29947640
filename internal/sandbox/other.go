//go:build !linux

package sandbox

import (
	"context"
	"io"
	"os"

	"github.com/nasa-openscapes/corn/cache"
	"github.com/nasa-openscapes/corn/filetree"
)

// A Root refuses everything: there is no sandbox on this system.
type Root struct{}

// A Process is none.
type Process struct{}

func refused() error { return &RefusedError{Cause: NotLinux, Act: "run a program of an image"} }

// Open returns a *RefusedError.
func Open(context.Context, *cache.Cache, []Layer, Options) (*Root, error) { return nil, refused() }

// Mode returns "".
func (*Root) Mode() Mode { return "" }

// ReadFile returns a *RefusedError.
func (*Root) ReadFile(string) ([]byte, error) { return nil, refused() }

// Run returns a *RefusedError.
func (*Root) Run(context.Context, Command) error { return refused() }

// RunTerminal returns a *RefusedError.
func (*Root) RunTerminal(context.Context, Command, *os.File, *os.File) error { return refused() }

// Names returns none.
func (*Root) Names(string) []string { return nil }

// Start returns a *RefusedError.
func (*Root) Start(context.Context, Command) (*Process, error) { return nil, refused() }

// Changes returns a *RefusedError.
func (*Root) Changes(context.Context, func(filetree.Entry, io.Reader) error) error { return refused() }

// Reset returns a *RefusedError.
func (*Root) Reset() error { return refused() }

// Detach returns a *RefusedError.
func (*Root) Detach(string) error { return refused() }

// Close does nothing.
func (*Root) Close() error { return nil }

// Wait returns a *RefusedError.
func (*Process) Wait() error { return refused() }

// Signal returns a *RefusedError.
func (*Process) Signal(os.Signal) error { return refused() }

// Kill returns a *RefusedError.
func (*Process) Kill() error { return refused() }

// RemoveAll is os.RemoveAll.
func RemoveAll(dir string) error { return os.RemoveAll(dir) }

// Check returns a *RefusedError.
func Check(Mode) (Mode, error) { return "", refused() }
