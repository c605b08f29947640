package engine

import (
	"context"
	"sync"
)

// Files reads files of an image, by way of a container that is never started and made when it is
// first needed. It is safe for concurrent use until Close.
type Files struct {
	Engine *Engine
	Image  string   // id or name that the engine knows
	Flags  []string // of the container

	mu        sync.Mutex
	container *Container // nil: none is needed yet
}

// ReadFile reads a file; name is without the leading slash. One that is not there is fs.ErrNotExist.
func (f *Files) ReadFile(ctx context.Context, name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.container == nil {
		c, err := f.Engine.Create(ctx, f.Image, f.Flags, "true") // engines want a command, and never run it
		if err != nil {
			return nil, err
		}
		f.container = c
	}
	return f.container.ReadFile(ctx, name)
}

// Close removes the container.
func (f *Files) Close() error {
	if f.container == nil {
		return nil
	}
	return f.container.Remove()
}
