package recipe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// normalName is a distribution's name as PEP 503 compares it.
func normalName(s string) string {
	return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(s, "-"))
}

// condaName is the conda name of a Python distribution: conda-forge's.
func condaName(pypi string) string {
	n := normalName(pypi)
	if c, ok := condaNames[n]; ok {
		return c
	}
	return n
}

// condaNames holds the distributions that conda-forge calls something else than their
// normal name.
var condaNames = map[string]string{
	"async-generator": "async_generator",
	"fastjsonschema":  "python-fastjsonschema", "html5lib-modern": "html5lib", "importlib-resources": "importlib_resources",
	"jupyter-client": "jupyter_client", "jupyter-core": "jupyter_core", "jupyter-events": "jupyter_events",
	"jupyter-kernel-test": "jupyter_kernel_test", "jupyter-server": "jupyter_server",
	"jupyter-server-terminals": "jupyter_server_terminals", "jupyterhub": "jupyterhub-singleuser",
	"jupyterlab-pygments": "jupyterlab_pygments", "jupyterlab-server": "jupyterlab_server", "msgpack": "msgpack-python",
	"prometheus-client": "prometheus_client", "pure-eval": "pure_eval", "stack-data": "stack_data",
	"typing-extensions": "typing_extensions",
}

var requirement = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?$`)

// toSpec makes a MatchSpec of a requirement (PEP 508); "" where its marker holds on none
// of the Pythons that packages are made for. Then old says that it holds on Python 3.10,
// where the package is to be kept away from. python, where not empty, is the only Python
// that the package is for.
func toSpec(text, python string) (spec string, old bool, err error) {
	m := requirement.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", false, fmt.Errorf("requirement %q is not understood", text)
	}
	name, version, marker := condaName(m[1]), strings.ReplaceAll(m[3], " ", ""), m[4]
	if marker != "" {
		holds := map[string]bool{}
		for _, v := range []string{"3.10", "3.11", "3.13", python} {
			if holds[v], err = markerHolds(marker, v); err != nil {
				return "", false, fmt.Errorf("requirement %q: %w", text, err)
			}
		}
		switch {
		case python != "" && !holds[python]:
			return "", false, nil
		case python == "" && !holds["3.11"] && !holds["3.13"]:
			return "", holds["3.10"], nil
		}
	}
	if version == "" {
		return name, false, nil
	}
	parts := strings.Split(version, ",")
	slices.Sort(parts)
	return name + " " + strings.Join(parts, ","), false, nil
}

// fromRequiresTxt turns an egg's requires.txt into Requires-Dist lines.
func fromRequiresTxt(text string) string {
	var b strings.Builder
	extra, marker := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			extra, marker, _ = strings.Cut(strings.Trim(line, "[]"), ":")
		default:
			var conditions []string
			if marker != "" {
				conditions = append(conditions, "("+marker+")")
			}
			if extra != "" {
				conditions = append(conditions, fmt.Sprintf("extra == %q", extra))
			}
			b.WriteString("Requires-Dist: " + line)
			if len(conditions) > 0 {
				b.WriteString("; " + strings.Join(conditions, " and "))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// markerHolds evaluates an environment marker for CPython X.Y on 64-bit Linux, with no
// extra asked for.
func markerHolds(marker, python string) (bool, error) {
	p := &markerParser{tokens: markerToken.FindAllString(marker, -1), env: map[string]string{
		"python_version": python, "python_full_version": python + ".0", "os_name": "posix", "sys_platform": "linux",
		"platform_system": "Linux", "platform_machine": "x86_64", "implementation_name": "cpython",
		"platform_python_implementation": "CPython", "extra": "",
	}}
	ok, err := p.or()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("marker %q: %q is left over", marker, p.tokens[0])
	}
	return ok, err
}

var markerToken = regexp.MustCompile(`"[^"]*"|'[^']*'|[<>=!~]+|[()]|[A-Za-z_.]+`)

type markerParser struct {
	tokens []string
	env    map[string]string
}

func (p *markerParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *markerParser) accept(t string) bool {
	if len(p.tokens) > 0 && p.tokens[0] == t {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *markerParser) or() (bool, error) {
	a, err := p.and()
	for err == nil && p.accept("or") {
		var b bool
		b, err = p.and()
		a = a || b
	}
	return a, err
}

func (p *markerParser) and() (bool, error) {
	a, err := p.term()
	for err == nil && p.accept("and") {
		var b bool
		b, err = p.term()
		a = a && b
	}
	return a, err
}

func (p *markerParser) term() (bool, error) {
	if p.accept("(") {
		a, err := p.or()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("a bracket is not closed")
		}
		return a, err
	}
	left, name, err := p.value()
	if err != nil {
		return false, err
	}
	op := p.next()
	right, other, err := p.value()
	if err != nil {
		return false, err
	}
	if op == "in" {
		return strings.Contains(right, left), nil
	}
	if strings.HasPrefix(name+other, "python_") {
		return compareVersions(left, op, right)
	}
	switch op {
	case "==":
		return left == right, nil
	case "!=":
		return left != right, nil
	}
	return false, fmt.Errorf("operator %q is not known", op)
}

// value is a literal or the value of a variable, whose name it gives too.
func (p *markerParser) value() (value, name string, err error) {
	t := p.next()
	if len(t) >= 2 && (t[0] == '"' || t[0] == '\'') {
		return t[1 : len(t)-1], "", nil
	}
	v, ok := p.env[t]
	if !ok {
		return "", "", fmt.Errorf("variable %q is not known", t)
	}
	return v, t, nil
}

// compareVersions knows what markers of real packages say: release numbers only.
func compareVersions(a, op, b string) (bool, error) {
	c := compareReleases(a, strings.TrimSuffix(b, ".*"))
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	case ">=":
		return c >= 0, nil
	case "==":
		return c == 0, nil
	case "!=":
		return c != 0, nil
	}
	return false, fmt.Errorf("operator %q is not known", op)
}

// compareReleases orders dotted numbers; missing parts are 0.
func compareReleases(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n string
		if i < len(x) {
			m = strings.TrimLeft(x[i], "0")
		}
		if i < len(y) {
			n = strings.TrimLeft(y[i], "0")
		}
		if len(m) != len(n) {
			return len(m) - len(n)
		}
		if c := strings.Compare(m, n); c != 0 {
			return c
		}
	}
	return 0
}
