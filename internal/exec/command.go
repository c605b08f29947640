package exec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/filetree"
)

// AptCommands are the commands that install packages of the base's distribution: those of
// pangeo's base image, which leaves it to the base's configuration whether recommended
// packages are installed too.
func AptCommands(packages []string) [][]string {
	// Downloads as the user _apt need ids that the sandbox may not have; lists that could not
	// be fetched are an error, not an install of what was there before.
	options := []string{"-q", "-o", "APT::Sandbox::User=root", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"}
	get := func(args ...string) []string { return slices.Concat([]string{"apt-get"}, options, args) }
	return [][]string{get("update"), get(append([]string{"install", "-y", "--"}, packages...)...)}
}

// Env is the environment of a step's program: the image's, then set, the last of a name
// wins. HOME is home where neither has one.
func Env(image []string, home string, set ...string) []string {
	out := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home}
	// Bytecode whose times would not be those of its sources is not written, or is checked by
	// the source's hash: Python's compileall looks at SOURCE_DATE_EPOCH.
	fixed := []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", filetree.Epoch1980), "PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0"}
	for _, v := range slices.Concat(image, fixed, set) {
		name, _, _ := strings.Cut(v, "=")
		i := slices.IndexFunc(out, func(o string) bool { return strings.HasPrefix(o, name+"=") })
		if i < 0 {
			out = append(out, v)
			continue
		}
		out[i] = v
	}
	return out
}

// Proxies are the variables of this machine that say how the network is reached: the only ones
// that programs of a step with network inherit, as those of docker build do.
func Proxies(env []string) []string {
	var out []string
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		switch strings.ToUpper(name) {
		case "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY":
			if value != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// Getenv returns a variable of an environment.
func Getenv(env []string, name string) string {
	for _, v := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}
