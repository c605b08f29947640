package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// Inputs are what an environment.yml asks for on one platform, as it is written there.
type Inputs struct {
	Channels []Channel // without nodefaults
	Conda    []string  // MatchSpecs
	Pip      []string  // requirements; options (-r, -e) do not count
}

// ContentHash returns the hash that conda-lock 2 and 3 give to in, so that
// conda-lock --check-input-hash knows that the lock is of today's environment.yml. It is the
// SHA-256 of a JSON text of channels, specs by name, and conda-lock's own defaults for
// virtual packages: those of the solve are not in it (corn.lock has them), and corn does not
// rely on it. See [Lock.Check].
//
// It equals conda-lock's for MatchSpecs of name, version and build in any spelling, and for
// requirements of names, extras and versions; what else a requirement may hold
// (~=, URLs, markers) is hashed as it is written.
func ContentHash(platform string, in Inputs) string {
	type channel struct {
		URL         string   `json:"url"`
		UsedEnvVars []string `json:"used_env_vars"`
	}
	var channels []any
	for _, c := range in.Channels {
		channels = append(channels, string(compactJSON(channel{c.URL, append([]string{}, c.UsedEnvVars...)})))
	}
	specs := map[[2]string]map[string]any{}
	for _, s := range in.Conda {
		d := condaInput(s)
		specs[[2]string{string(Conda), d["name"].(string)}] = d
	}
	for _, r := range in.Pip {
		if strings.HasPrefix(r, "-") {
			continue
		}
		d := pipInput(r)
		specs[[2]string{string(Pip), d["name"].(string)}] = d
		specs[[2]string{string(Conda), "pip"}] = input("pip", "*", Conda) // conda-lock adds it
	}
	keys := make([][2]string, 0, len(specs))
	for k := range specs {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var sorted []any
	for _, k := range keys {
		sorted = append(sorted, specs[k])
	}
	sum := sha256.Sum256([]byte(pythonJSON(map[string]any{
		"channels": orEmpty(channels), "specs": orEmpty(sorted),
		"virtual_package_hash": map[string]any{
			"noarch": map[string]any{"info": map[string]any{"subdir": "noarch"}, "packages": map[string]any{}},
			platform: virtualInput(platform),
		},
	})))
	return hex.EncodeToString(sum[:])
}

func orEmpty(list []any) []any { return append([]any{}, list...) }

func input(name, version string, m Manager) map[string]any {
	return map[string]any{
		"name": name, "manager": string(m), "category": MainCategory, "extras": []any{},
		"version": version, "build": nil, "conda_channel": nil, "hash": nil,
	}
}

var (
	specBracket = regexp.MustCompile(`\[(.*)\]`)
	specField   = regexp.MustCompile(`([a-zA-Z0-9_-]+)=(?:"([^"]*)"|'([^']*)'|([^'", ]*))`)
	specHead    = regexp.MustCompile(`^([^ =<>!~]+)\s*(.*)$`)
	nameRuns    = regexp.MustCompile(`[-_.]+`)
)

// condaInput takes a MatchSpec apart as the conda inside conda-lock does and writes its
// version as that does: "python=3.9" asks for "3.9.*", "zlib ==1.2.8" for "1.2.8".
func condaInput(spec string) map[string]any {
	fields := map[string]string{}
	if m := specBracket.FindStringSubmatch(spec); m != nil {
		for _, f := range specField.FindAllStringSubmatch(m[1], -1) {
			fields[f[1]] = f[2] + f[3] + f[4]
		}
		spec = strings.Replace(spec, m[0], "", 1)
	}
	var channel any
	if i := strings.LastIndex(spec, "::"); i >= 0 {
		name, _, _ := strings.Cut(spec[:i], "/")
		channel, spec = name, spec[i+2:]
	}
	if c := fields["channel"]; c != "" {
		channel = c
	}
	m := specHead.FindStringSubmatch(strings.TrimSpace(spec))
	if m == nil {
		return input(spec, "", Conda)
	}
	version, build := versionAndBuild(strings.TrimSpace(m[2]))
	if v := fields["version"]; v != "" {
		version = startsWith(v)
	}
	if b := fields["build"]; b != "" {
		build = b
	}
	d := input(strings.ToLower(m[1]), version, Conda)
	d["conda_channel"] = channel
	if build != "" {
		d["build"] = build
	}
	return d
}

// versionAndBuild follows conda's _parse_spec_str, step 7.
func versionAndBuild(text string) (version, build string) {
	if text == "" {
		return "", ""
	}
	version, build = cutBuild(text)
	if build == "" { // "=1.2=py_0", "1.2=py_0"
		if i := strings.LastIndexByte(version, '='); i > 0 && !strings.ContainsRune("=!|,<>~", rune(version[i-1])) && !strings.ContainsAny(version[i:], ",|<>~") {
			version, build = version[:i], version[i+1:]
		}
	}
	build = strings.TrimPrefix(build, "=")
	bare := strings.TrimPrefix(version, "=")
	switch {
	case strings.HasPrefix(version, "==") && build == "":
		version = version[2:]
	case strings.HasPrefix(version, "=") && bare != "" && !strings.ContainsAny(bare, "=,|"):
		if version = bare; build == "" && !strings.HasSuffix(bare, "*") {
			version += "*"
		}
	}
	return startsWith(version), build
}

// startsWith spells "1.2*" as "1.2.*", the form conda keeps.
func startsWith(version string) string {
	body, star := strings.CutSuffix(version, "*")
	if !star || body == "" || strings.HasSuffix(body, ".") || strings.ContainsAny(body, "*|,=<>!~^") {
		return version
	}
	return body + ".*"
}

var requirementHead = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*(.*)$`)

// pipInput takes a requirement apart.
func pipInput(requirement string) map[string]any {
	text, markers, hasMarkers := strings.Cut(requirement, ";")
	m := requirementHead.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return input(requirement, "*", Pip)
	}
	var versions []string
	for v := range strings.SplitSeq(strings.Trim(m[3], "()"), ",") {
		if v = strings.ReplaceAll(v, " ", ""); v != "" {
			versions = append(versions, strings.Replace(v, "===", "==", 1))
		}
	}
	slices.Sort(versions)
	version := strings.Join(versions, ",")
	if version == "" {
		version = "*"
	}
	d := input(nameRuns.ReplaceAllString(strings.ToLower(m[1]), "-"), version, Pip)
	var extras []string
	for e := range strings.SplitSeq(m[2], ",") {
		if e = strings.TrimSpace(e); e != "" {
			extras = append(extras, e)
		}
	}
	slices.Sort(extras)
	list := []any{}
	for _, e := range extras {
		list = append(list, e)
	}
	d["extras"] = list
	if hasMarkers {
		d["markers"] = strings.TrimSpace(markers)
	}
	return d
}

// virtualDefaults are conda-lock's default-virtual-packages.yaml of 2.0 to 4.0, name, version
// and build.
var virtualDefaults = map[string][][3]string{
	"linux-64":      {{"__unix", "0"}, {"__linux", "5.10"}, {"__archspec", "1", "x86_64"}, {"__glibc", "2.28"}, {"__cuda", "11.4"}},
	"linux-aarch64": {{"__unix", "0"}, {"__linux", "5.10"}, {"__archspec", "1", "aarch64"}, {"__glibc", "2.28"}, {"__cuda", "11.4"}},
	"linux-ppc64le": {{"__unix", "0"}, {"__linux", "5.10"}, {"__archspec", "1", "ppc64le"}, {"__glibc", "2.28"}, {"__cuda", "11.4"}},
	"osx-64":        {{"__unix", "0"}, {"__archspec", "1", "x86_64"}, {"__osx", "11.0"}, {"__osx", "10.15"}},
	"osx-arm64":     {{"__unix", "0"}, {"__archspec", "1", "arm64"}, {"__osx", "11.0"}},
	"win-64":        {{"__win", "0"}, {"__archspec", "1", "x86_64"}, {"__cuda", "11.4"}},
}

// virtualInput is what conda-lock puts into the repodata of its virtual packages. It hashes
// a build number behind the build, which version 2 wrote and version 3 keeps for the hash's
// sake.
func virtualInput(platform string) map[string]any {
	if virtualDefaults[platform] == nil {
		return map[string]any{}
	}
	packages := map[string]any{}
	for _, v := range virtualDefaults[platform] {
		build := "0"
		if v[2] != "" {
			build = v[2] + "_0"
		}
		packages[v[0]+"-"+v[1]+"-"+build+".tar.bz2"] = map[string]any{
			"name": v[0], "version": v[1], "build_string": v[2], "build_number": 0, "build": build, "noarch": "",
			"depends": []any{}, "timestamp": 1577854800000, "package_type": "virtual_system", "subdir": platform,
		}
	}
	return map[string]any{"info": map[string]any{"subdir": platform}, "packages": packages}
}
