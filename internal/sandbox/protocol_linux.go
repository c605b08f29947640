package sandbox

import (
	"errors"
	"fmt"
	"syscall"
)

// childName is the name under which this program is started as a child.
const childName = "corn-sandbox"

// childFD is the child's end of a socket: what to do comes in, how it goes comes out.
const childFD = 3

// What a child does.
const (
	actRun     = "run"
	actUnpack  = "unpack"
	actChanges = "changes"
	actRemove  = "remove"
	actProbe   = "probe"
)

// An order is the first message that a child gets. That there is one tells it that its ids
// are mapped.
type order struct {
	Act  string
	Mode Mode
	// UserNS: the child is in a user namespace of its own.
	UserNS bool
	// SetGroups: the child may drop the groups of the user who runs corn.
	SetGroups bool

	Dir     string // of unpack and remove
	DiffID  string // of unpack, for its errors
	Limits  UnpackLimits
	Run     *runOrder
	Changes *changesOrder
}

type runOrder struct {
	Command   commandOrder
	Scratch   string // the Root's folder
	Lowers    int    // l/0 is the highest
	Work      string // folder in Scratch, empty
	Limits    Limits
	Mounts    []Mount // with the Sources of Empty
	Resolv    bool
	setGroups bool // inside the child only
}

// commandOrder is what a Command's program needs.
type commandOrder struct {
	Args     []string
	Env      []string
	Dir      string
	UID, GID int
	Groups   []int
	Network  bool
	Hostname string
	Terminal bool
}

type changesOrder struct {
	Scratch  string
	Lowers   int
	UID, GID int      // whom files of a single id belong to
	Made     []string // mount points that the sandbox itself made
}

// A note is a message of the child.
type note struct {
	Ready  bool     `json:",omitempty"`
	Made   []string `json:",omitempty"` // with Ready: paths that were made to mount on
	Exit   *exit    `json:",omitempty"`
	Failed *failure `json:",omitempty"`
	Bytes  int64    `json:",omitempty"` // with Ready, of unpack: what the files take
}

type exit struct {
	Code   int
	Signal string
	// Disk: the program was ended because it wrote too much.
	Disk bool
}

// A command message follows the order of a run.
type command struct {
	Signal int
}

// A failure is an error on its way from the child.
type failure struct {
	Kind   string
	Cause  Cause
	Act    string
	Path   string
	Reason string
	Errno  int
	Limit  int64
	Mount  Mount
}

// pack makes a failure of an error.
func pack(err error) *failure {
	f := &failure{Kind: "other", Reason: err.Error()}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		f.Errno = int(errno)
	}
	var r *RefusedError
	var s *StartError
	var l *LimitError
	var y *LayerError
	var m *MountError
	switch {
	case errors.As(err, &r):
		f.Kind, f.Cause, f.Act, f.Path, f.Reason = "refused", r.Cause, r.Act, r.Path, ""
		if r.Err != nil {
			f.Reason = r.Err.Error()
		}
	case errors.As(err, &s):
		f.Kind, f.Path, f.Reason = "start", s.Program, s.Reason
	case errors.As(err, &l):
		f.Kind, f.Act, f.Limit = "limit", l.What, l.Limit
	case errors.As(err, &y):
		f.Kind, f.Act, f.Path, f.Reason = "layer", y.DiffID, y.Path, y.Reason
	case errors.As(err, &m):
		f.Kind, f.Mount, f.Reason = "mount", m.Mount, m.Reason
	}
	return f
}

// unpack makes the error again.
func (f *failure) unpack() error {
	var sys error
	if f.Reason != "" {
		sys = &childError{f.Reason, syscall.Errno(f.Errno)}
	}
	switch f.Kind {
	case "refused":
		return &RefusedError{Cause: f.Cause, Act: f.Act, Path: f.Path, Err: sys}
	case "start":
		return &StartError{Program: f.Path, Reason: f.Reason}
	case "limit":
		return &LimitError{What: f.Act, Limit: f.Limit}
	case "layer":
		return &LayerError{DiffID: f.Act, Path: f.Path, Reason: f.Reason}
	case "mount":
		return &MountError{Mount: f.Mount, Reason: f.Reason}
	}
	return fmt.Errorf("sandbox: %w", sys)
}

// A childError is what the system said to a child.
type childError struct {
	text  string
	errno syscall.Errno
}

func (e *childError) Error() string { return e.text }

// Unwrap returns the system's error, so that a full disk is known as one.
func (e *childError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}
