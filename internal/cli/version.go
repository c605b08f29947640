package cli

import (
	"runtime"
	"runtime/debug"
)

// Version is the module's version, as Go recorded it in the binary.
func Version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return v + " " + runtime.GOOS + "/" + runtime.GOARCH
}
