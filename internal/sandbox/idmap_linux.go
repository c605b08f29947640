package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	mobyuser "github.com/moby/sys/user"
)

// A span maps size ids from inside on to those from outside on.
type span struct{ inside, outside, size int64 }

// mapIDs prepares the mapping of a child. Where Go can write it, it goes into attr; else
// the function returned does it once the child is there.
func (s start) mapIDs(attr *syscall.SysProcAttr, o *order) func(pid int) error {
	switch s.mode {
	case Privileged:
		attr.UidMappings, attr.GidMappings = identity("/proc/self/uid_map"), identity("/proc/self/gid_map")
		attr.GidMappingsEnableSetgroups = true
		o.SetGroups = true
		return nil
	case Single:
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: s.id, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: s.gd, HostID: os.Getegid(), Size: 1}}
		return nil
	}
	o.SetGroups = true
	return func(pid int) error {
		uids, gids, err := ranges()
		if err != nil {
			return err
		}
		if err := newIDMap("newuidmap", pid, uids); err != nil {
			return err
		}
		return newIDMap("newgidmap", pid, gids)
	}
}

// identity maps every id of this namespace to itself.
func identity(file string) []syscall.SysProcIDMap {
	var all []syscall.SysProcIDMap
	data, _ := os.ReadFile(file) // without one there is no namespace but the first
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		id, err1 := strconv.Atoi(f[0])
		n, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil {
			all = append(all, syscall.SysProcIDMap{ContainerID: id, HostID: id, Size: n})
		}
	}
	if all == nil {
		all = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1<<32 - 1}}
	}
	return all
}

// minRange is the smallest range worth having: images use ids up to 65534 (nobody).
const minRange = 65535

var errNoRange = errors.New("no range of 65,535 ids")

// ranges are the maps of mode Ranges.
func ranges() (uids, gids []span, err error) {
	u, err := user.Current()
	name := strconv.Itoa(os.Geteuid())
	if err == nil {
		name = u.Username
	}
	if uids, err = subIDs("/etc/subuid", name, os.Geteuid(), os.Geteuid()); err != nil {
		return nil, nil, err
	}
	if gids, err = subIDs("/etc/subgid", name, os.Geteuid(), os.Getegid()); err != nil {
		return nil, nil, err
	}
	return uids, gids, nil
}

// subIDs reads the ranges of a user, who stands there by name or number (subuid(5)).
func subIDs(file, name string, uid, own int) ([]span, error) {
	mine, err := mobyuser.ParseSubIDFileFilter(file, func(s mobyuser.SubID) bool {
		return s.Name == name || s.Name == strconv.Itoa(uid)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, &RefusedError{Cause: NoIDMap, Act: "read " + file, Err: err}
	}
	spans := []span{{0, int64(own), 1}}
	next := int64(1)
	for _, r := range mine {
		if r.Count > 0 && r.SubID > 0 {
			spans = append(spans, span{next, r.SubID, r.Count})
			next += r.Count
		}
	}
	if next <= minRange {
		return nil, &RefusedError{Cause: NoIDMap, Act: "find the ids of " + name, Path: file, Err: errNoRange}
	}
	return spans, nil
}

// newIDMap lets the set-uid program of the shadow suite write a map.
func newIDMap(program string, pid int, spans []span) error {
	args := []string{strconv.Itoa(pid)}
	for _, s := range spans {
		args = append(args, fmt.Sprint(s.inside), fmt.Sprint(s.outside), fmt.Sprint(s.size))
	}
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(out.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		return &RefusedError{Cause: NoIDMap, Act: "map ids with " + program, Err: err}
	}
	return nil
}

// mapKey names the mapping: trees that were unpacked under another one have other owners.
func mapKey(m Mode) (string, error) {
	switch m {
	case Privileged:
		return "root", nil
	case Single:
		return fmt.Sprintf("single %d %d", os.Geteuid(), os.Getegid()), nil
	}
	uids, gids, err := ranges()
	return fmt.Sprint("ranges ", uids, gids), err
}
