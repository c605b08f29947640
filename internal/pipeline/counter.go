package pipeline

import "sync/atomic"

// counter64 counts from several goroutines.
type counter64 struct{ n atomic.Int64 }

func (c *counter64) add(n int64) { c.n.Add(n) }
func (c *counter64) get() int64  { return c.n.Load() }
