package link

import (
	"regexp"
	"strings"

	"github.com/nasa-openscapes/corn/artifact"
)

// maxShebang is the longest first line that every Linux kernel runs: BINPRM_BUF_SIZE was
// 128 bytes, one of them NUL, before Linux 5.1.
const maxShebang = 127

// shebangLine splits "#! /path/to/exe options": executable (blanks in it escaped by a
// backslash) and the rest of the line. A line with a carriage return does not match and
// stays, as in micromamba.
var shebangLine = regexp.MustCompile(`^#! *(/(?:\\ |[^ \n\r\t])*)([^\n\r]*)$`)

// envForm is the line that finds the executable on PATH.
func envForm(line string) (string, bool) {
	m := shebangLine.FindStringSubmatch(line)
	if m == nil {
		return line, false
	}
	return "#!/usr/bin/env " + m[1][strings.LastIndexByte(m[1], '/')+1:] + m[2], true
}

// newShebang returns the first line of a text file after rewriting, and whether it is
// another line than replacing the placeholder gives.
//
// Too long a line gets the /usr/bin/env form. So does one whose executable's path would
// have a blank of the prefix in it: conda does so, micromamba leaves a line that no
// kernel can run.
//
// A line of artifact.MaxShebangBytes or more is left alone: facts hold no more of it, and
// no kernel runs it. So is one that is not UTF-8, which facts do not hold.
func newShebang(use *artifact.PrefixUse, prefix string) (line string, replaced bool) {
	line = use.Shebang
	if use.Mode == artifact.Binary || line == "" || len(line) >= artifact.MaxShebangBytes {
		return line, false
	}
	put := func(s string) string {
		if use.Placeholder == "" {
			return s
		}
		return strings.ReplaceAll(s, use.Placeholder, prefix)
	}
	if strings.ContainsAny(prefix, " \t") && use.Placeholder != "" {
		if m := shebangLine.FindStringSubmatch(line); m != nil && strings.Contains(m[1], use.Placeholder) {
			env, ok := envForm(line)
			return put(env), ok
		}
	}
	if line = put(line); len(line) <= maxShebang {
		return line, false
	}
	return envForm(line)
}

// pythonShebang is the first line (or two) of a script run by the Python at exe.
func pythonShebang(exe string) string {
	if len("#!"+exe) > maxShebang || strings.Contains(exe, " ") {
		return "#!/bin/sh\n'''exec' \"" + exe + "\" \"$0\" \"$@\" #'''"
	}
	return "#!" + exe
}
