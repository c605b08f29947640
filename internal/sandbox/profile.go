package sandbox

import (
	_ "embed"
	"strings"
)

//go:embed corn.apparmor
var profile string

// Profile returns the AppArmor profile that lets the program at path, an absolute path, use
// user namespaces where others may not (kernel.apparmor_restrict_unprivileged_userns, Ubuntu
// 23.10 and newer). It restricts nothing, as the profiles that Ubuntu ships for browsers
// and container tools.
func Profile(path string) string {
	// Quoted, because a path may have blanks. In AppArmor's globs some characters mean more
	// than themselves (apparmor.d(5), "Globbing").
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`, "^", `\^`, "@", `\@`, ",", `\,`).Replace(path)
	return strings.Replace(profile, "@CORN@", `"`+escaped+`"`, 1)
}
