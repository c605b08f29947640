package kernel

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
)

// LauncherPath is where an env has its launcher, relative to its prefix.
const LauncherPath = "libexec/corn/activate"

// launcherText is the script. Two lines are put in: what follows "#@prefix" and "#@variables".
//
//go:embed activate.sh
var launcherText []byte

// Launcher returns the activation script of an env: it sets what conda's activation sets,
// sources the scripts of etc/conda/activate.d as they are when it runs, and becomes the
// program that its arguments name. notices are sentences for the user.
//
// The script is for any POSIX shell; where there are scripts to source and the image has
// a bash, it goes on in bash, for which packages write them.
//
// Errors: *VariableError.
func Launcher(e *Env) (script []byte, notices []string, err error) {
	vars, notices, err := variables(e)
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	for _, v := range vars {
		fmt.Fprintf(&b, "export %s=%s\n", v.Name, quote(v.Value))
	}
	prefix := fmt.Sprintf("_corn_new=%s\n_corn_name=%s\n", quote("/"+e.Prefix), quote(e.Slug))
	script = bytes.Replace(launcherText, []byte("#@prefix\n"), []byte(prefix), 1)
	script = bytes.Replace(script, []byte("#@variables\n"), b.Bytes(), 1)
	return script, notices, nil
}

// quote makes one shell word. Inside single quotes only the quote itself is special.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// ownVariables are those that shells keep to themselves: setting them is an error that
// ends the script, or is without effect.
var ownVariables = []string{
	"BASHOPTS", "BASH_VERSINFO", "BASH_VERSION", "EUID", "GROUPS", "IFS", "OPTIND", "PPID", "SHELLOPTS", "UID",
}

// activationVariables are set by the activation itself.
var activationVariables = []string{"CONDA_DEFAULT_ENV", "CONDA_PREFIX", "CONDA_SHLVL"}
