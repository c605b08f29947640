package kerneltest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// A Runner runs programs of one image. Implementations are safe for concurrent use.
type Runner interface {
	// ReadFile returns a file of the image; its path is without the leading slash. An image
	// without such a file is an fs.ErrNotExist.
	ReadFile(ctx context.Context, path string) ([]byte, error)
	// Start starts a program as a hub does: as the image's user with group 100, through the
	// image's entrypoint, with an empty folder over HomeDir, on this machine's loopback
	// interface. The program outlives ctx, which is for starting alone.
	Start(ctx context.Context, p Program) (Process, error)
}

// HomeDir is where a hub mounts a volume.
const HomeDir = "/home/jovyan"

// A Program is what a Runner starts.
type Program struct {
	Args []string // the command, found on the image's PATH
	Env  []string // NAME=value, besides the image's own
}

// A Process is a program that was started.
type Process interface {
	// Alive is nil while the program runs, an *EndedError when it has ended.
	Alive(ctx context.Context) error
	// Log returns what the program and its children have printed, both streams.
	Log(ctx context.Context) []byte
	// Stop ends the program and whatever it started, and removes what it wrote. It works
	// after the end of the context that started it.
	Stop() error
}

// An EndedError reports a program that has ended by itself.
type EndedError struct{ Code int } // exit code

func (e *EndedError) Error() string {
	return fmt.Sprintf("the program ended with exit code %d", e.Code)
}

// tail returns the last lines of a log.
func tail(log []byte, lines int) string {
	log = bytes.TrimRight(log, "\n")
	at := len(log)
	for range lines {
		i := bytes.LastIndexByte(log[:at], '\n')
		if i < 0 {
			return clean(string(log))
		}
		at = i
	}
	return clean(string(log[at+1:]))
}

// clean takes out of a text what terminals obey and XML cannot hold.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '[' { // a control sequence ends with a byte from @ to ~
			for i += 2; i < len(s) && (s[i] < '@' || s[i] > '~'); i++ {
			}
			continue
		}
		if c := s[i]; c >= ' ' && c != 0x7f || c == '\n' || c == '\t' {
			b.WriteByte(c)
		}
	}
	return b.String()
}
