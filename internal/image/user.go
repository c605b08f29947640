package image

import (
	"fmt"
	"strconv"
	"strings"
)

// A User is whom a container runs as, and whom the files of envs belong to.
type User struct {
	Spec  string `json:"spec"`           // the config's User, verbatim: "jovyan", "1000:100", ""
	Name  string `json:"name,omitempty"` // "" for a uid that passwd does not name
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Home  string `json:"home"`            // "/home/jovyan"; "/" where passwd says nothing
	Shell string `json:"shell,omitempty"` // of passwd
}

const maxID = 1<<31 - 1

// resolveUser finds the user of a config in a passwd and a group file (passwd(5),
// group(5)), as Docker and the OCI runtimes do: a name, else a number, then optionally a
// colon and a group, name or number. A uid without a group has the group of passwd, or 0.
func resolveUser(spec string, passwd, group []byte) (User, error) {
	u := User{Spec: spec, Home: "/"}
	who, grp, hasGroup := strings.Cut(spec, ":")
	if who == "" {
		who = "0"
	}
	fields := lookup(passwd, 7, func(f []string) bool { return f[0] == who })
	uid, isNumber := parseID(who)
	if fields == nil && isNumber {
		fields = lookup(passwd, 7, func(f []string) bool { id, ok := parseID(f[2]); return ok && id == uid })
	}
	switch {
	case fields != nil:
		var okUID, okGID bool
		u.UID, okUID = parseID(fields[2])
		u.GID, okGID = parseID(fields[3])
		if !okUID || !okGID {
			return u, &UserError{spec, fmt.Sprintf("etc/passwd gives it uid %q and gid %q", fields[2], fields[3])}
		}
		u.Name, u.Shell = fields[0], fields[6]
		if strings.HasPrefix(fields[5], "/") {
			u.Home = fields[5]
		}
	case isNumber:
		u.UID = uid
	default:
		return u, &UserError{spec, "etc/passwd has no such user"}
	}
	if !hasGroup || grp == "" {
		return u, nil
	}
	if f := lookup(group, 3, func(f []string) bool { return f[0] == grp }); f != nil {
		gid, ok := parseID(f[2])
		if !ok {
			return u, &UserError{spec, fmt.Sprintf("etc/group gives %s the gid %q", grp, f[2])}
		}
		u.GID = gid
		return u, nil
	}
	gid, ok := parseID(grp)
	if !ok {
		return u, &UserError{spec, fmt.Sprintf("etc/group has no group %q", grp)}
	}
	u.GID = gid
	return u, nil
}

// lookup returns the fields of the first line that has at least n of them and matches.
func lookup(file []byte, n int, match func([]string) bool) []string {
	for line := range strings.Lines(string(file)) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) >= n && f[0] != "" && !strings.HasPrefix(f[0], "#") && match(f) {
			return f
		}
	}
	return nil
}

func parseID(s string) (int, bool) {
	id, err := strconv.Atoi(s)
	return id, err == nil && id >= 0 && id <= maxID && s[0] != '+'
}
