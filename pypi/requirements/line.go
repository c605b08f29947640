package requirements

import (
	"fmt"
	"slices"
	"strings"
)

// line reads one logical line.
func (r *Reader) line(text string, in input) error {
	asked, rest := splitOptions(text)
	bad := func(remedy, format string, args ...any) error {
		return &ParseError{Place: in.place, Text: shown(text), Reason: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	list, ok := words(rest)
	if !ok {
		return bad("", "a quote is not closed")
	}
	options, err := takeOptions(list)
	if err != nil {
		return bad(err.remedy, "%s", err.reason)
	}
	if asked == "" {
		for _, o := range options {
			if err := r.option(o, text, in); err != nil {
				return err
			}
		}
		return nil
	}
	req, perr := r.requirement(asked, in)
	if perr != nil {
		return perr
	}
	for _, o := range options {
		if o.name != "--hash" {
			return bad("put it on a line of its own", "%s is about all requirements, not this one", o.name)
		}
		h, reason := parseHash(o.value, ":")
		if reason != "" {
			return bad("", "%s", reason)
		}
		req.Hashes = append(req.Hashes, h)
		r.set.Options.RequireHashes = true // a hash in a URL is about that file alone
	}
	if !in.constraint {
		r.set.Requirements = append(r.set.Requirements, *req)
		return nil
	}
	if req.Name == "" || len(req.Extras) > 0 {
		return bad("", "a constraint needs a name, and has no extras")
	}
	r.set.Constraints = append(r.set.Constraints, *req)
	return nil
}

// An option of a line.
type option struct{ name, value string }

// optionArgs are the options that pip takes in files: whether they have a value.
var optionArgs = map[string]bool{
	"-i": true, "--index-url": true, "--pypi-url": true, "--extra-index-url": true, "--no-index": false,
	"-c": true, "--constraint": true, "-r": true, "--requirement": true, "-e": true, "--editable": true,
	"-f": true, "--find-links": true, "--no-binary": true, "--only-binary": true, "--prefer-binary": false,
	"--require-hashes": false, "--pre": false, "--trusted-host": true, "--hash": true,
	"--use-feature": true, "--global-option": true, "--install-option": true, "--config-settings": true, "--config-setting": true, "-C": true,
	"--no-build-isolation": false, "--process-dependency-links": false,
}

// optionError is an option that is not taken.
type optionError struct{ reason, remedy string }

// takeOptions reads "--name=value", "--name value", "-rvalue" and "-r value".
func takeOptions(list []string) ([]option, *optionError) {
	var out []option
	for i := 0; i < len(list); i++ {
		word := list[i]
		name, value, hasValue := word, "", false
		if strings.HasPrefix(word, "--") {
			name, value, hasValue = strings.Cut(word, "=")
		} else if len(word) > 2 && word[0] == '-' {
			name, value, hasValue = word[:2], strings.TrimPrefix(word[2:], "="), true
		}
		takes, known := optionArgs[name]
		switch {
		case !strings.HasPrefix(name, "-"):
			return nil, &optionError{fmt.Sprintf("%q stands behind options: want options only", shown(word)), ""}
		case !known:
			return nil, &optionError{fmt.Sprintf("the option %s is not one of a requirements file", shown(name)), "take it out, or write it as pip's documentation of requirements files has it"}
		case !takes && hasValue:
			return nil, &optionError{name + " takes no value", ""}
		case takes && !hasValue:
			if i++; i >= len(list) {
				return nil, &optionError{name + " needs a value", ""}
			}
			value = list[i]
		}
		out = append(out, option{name, value})
	}
	return out, nil
}

// option applies an option that stands on a line of its own.
func (r *Reader) option(o option, text string, in input) error {
	bad := func(remedy, format string, args ...any) error {
		return &ParseError{Place: in.place, Text: shown(text), Reason: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	opts := &r.set.Options
	switch o.name {
	case "-r", "--requirement", "-c", "--constraint":
		if isURL(o.value) {
			return bad("put a copy of the file into the project", "a file on the network is not read: what is installed has to follow from the project")
		}
		value, unset := expand(o.value, r.opts.Getenv)
		if len(unset) > 0 {
			return bad("", "the variable %s is not set", unset[0])
		}
		name, reason := inside(in.dir, value)
		if reason != "" {
			return bad("", "%s", reason)
		}
		return r.file(name, in.place, text, in.constraint || o.name == "-c" || o.name == "--constraint")
	case "-e", "--editable":
		return bad("write the same without -e", "editable installs are not made: an image holds what is installed, and no folder to edit")
	case "-i", "--index-url", "--pypi-url":
		s, reason := r.source(o.value, in)
		if reason != "" {
			return bad("", "%s", reason)
		}
		opts.Index = &s
	case "--extra-index-url", "-f", "--find-links":
		s, reason := r.source(o.value, in)
		if reason != "" {
			return bad("", "%s", reason)
		}
		list := &opts.FindLinks
		if o.name == "--extra-index-url" {
			list = &opts.ExtraIndexes
		}
		if !slices.ContainsFunc(*list, func(x Source) bool { return x.URL == s.URL && x.Path == s.Path }) {
			*list = append(*list, s)
		}
	case "--no-index":
		opts.NoIndex = true
	case "--no-binary", "--only-binary":
		names := strings.Split(o.value, ",")
		for i := range names {
			if names[i] = strings.TrimSpace(names[i]); names[i] == "" || strings.HasPrefix(names[i], "-") {
				return bad("", "%s wants names of projects, :all: or :none:", o.name)
			}
		}
		opts.Formats.add(o.name == "--only-binary", names)
	case "--prefer-binary":
		opts.PreferBinary = true
	case "--pre":
		opts.Prereleases = true
	case "--require-hashes":
		opts.RequireHashes = true
	case "--trusted-host":
		if strings.ContainsAny(o.value, "/@ ") {
			return bad("", "--trusted-host wants a host, or host:port")
		}
		if !slices.Contains(opts.TrustedHosts, o.value) {
			opts.TrustedHosts = append(opts.TrustedHosts, o.value)
		}
	case "--use-feature": // about pip's own workings
	case "--hash":
		return bad("put it behind the requirement", "--hash is about one requirement, and there is none on the line")
	default:
		return bad("take it out, or build a wheel of the project in another way", "%s changes how something is built, which this version of corn cannot", o.name)
	}
	return nil
}

// source reads the value of --index-url and its like.
func (r *Reader) source(value string, in input) (s Source, reason string) {
	s.Place = in.place
	value, s.Unset = expand(value, r.opts.Getenv)
	if isURL(value) {
		s.URL = value
		return s, ""
	}
	s.Path, reason = inside(in.dir, value)
	return s, reason
}

// parseHash reads "sha256:...", or with another sign between the two.
func parseHash(text, sign string) (h Hash, reason string) {
	algorithm, sum, _ := strings.Cut(text, sign)
	sizes := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}
	h = Hash{algorithm, strings.ToLower(sum)}
	switch n := sizes[algorithm]; {
	case n == 0:
		return h, fmt.Sprintf("a hash of the kind %q is none to rely on: want sha256, sha384 or sha512", shown(algorithm))
	case len(sum) != n || strings.Trim(h.Hex, "0123456789abcdef") != "":
		return h, fmt.Sprintf("the %s has to be %d hexadecimal digits", algorithm, n)
	}
	return h, ""
}
