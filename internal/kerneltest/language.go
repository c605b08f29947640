package kerneltest

import (
	_ "embed"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A language says how to ask kernels of one language. Its texts are code.
type language struct {
	sum         string // prints 42
	sleep       string // prints "sleeping" and sleeps for a minute
	interrupted string // name of the error that ends sleep; empty: languages differ from version to version

	// define defines what probe calls; empty: the language has no probe.
	define  string
	probe   func(args ...string) string
	runFile func(name string) string // runs one of the project's tests
	ext     string                   // of the project's tests
}

//go:embed probe.py
var pythonProbe string

//go:embed probe.R
var rProbe string

// activated is a script for /bin/sh.
//
//go:embed activated.sh
var activated string

// languageOf finds the language by the name that a kernel gives it; nil: an unknown one, whose
// kernels are started and stopped.
func languageOf(name string) *language {
	switch strings.ToLower(name) {
	case "python", "ipython":
		return &language{
			sum: "print(40 + 2)", sleep: "import time\nprint('sleeping', flush=True)\ntime.sleep(60)", interrupted: "KeyboardInterrupt",
			define: pythonProbe, probe: call("_corn_probe", quotePython),
			runFile: func(name string) string { return fmt.Sprintf(pythonRunner, quotePython(name)) }, ext: ".py",
		}
	case "r":
		return &language{
			sum: "cat(40 + 2)", sleep: `cat("sleeping\n"); flush.console(); Sys.sleep(60)`,
			define: rProbe, probe: call(".corn_probe", quoteR),
			runFile: func(name string) string { return "source(" + quoteR(name) + ", chdir = FALSE)" }, ext: ".R",
		}
	case "julia":
		return &language{sum: "print(40 + 2)", sleep: "println(\"sleeping\"); flush(stdout); sleep(60)", interrupted: "InterruptException"}
	case "bash":
		return &language{sum: "echo $((40 + 2))", sleep: "echo sleeping; sleep 60"}
	case "javascript", "typescript":
		return &language{sum: "console.log(40 + 2)"}
	}
	return nil
}

// pythonRunner runs a test: through pytest where it is one of pytest's and the environment has
// pytest, else as a program, whose functions of no argument named test_... are called.
const pythonRunner = `
def _corn_run(name):
    import importlib.util, inspect, os, runpy, sys
    base = os.path.basename(name)
    tests = base.startswith("test_") or base.endswith("_test.py")
    if tests and importlib.util.find_spec("pytest"):
        import pytest
        code = pytest.main(["-q", "-p", "no:cacheprovider", name])
        if code not in (0, 5):
            raise AssertionError("pytest ended with %%d" %% int(code))
        return
    sys.path.insert(0, os.path.dirname(os.path.abspath(name)))
    found = runpy.run_path(name, run_name="__main__" if not tests else "corn_test")
    for key, value in list(found.items()):
        if tests and key.startswith("test") and inspect.isfunction(value) and not inspect.signature(value).parameters:
            value()
_corn_run(%s)`

func call(name string, quote func(string) string) func(args ...string) string {
	return func(args ...string) string {
		quoted := make([]string, len(args))
		for i, a := range args {
			quoted[i] = quote(a)
		}
		return name + "(" + strings.Join(quoted, ", ") + ")"
	}
}

// quotePython writes a text as a literal of Python, in ASCII.
func quotePython(s string) string { return strconv.QuoteToASCII(s) }

// quoteR writes a text as a literal of R, which knows Go's escapes but not \x of high bytes.
func quoteR(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\%03o`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// answers reads what a probe printed: lists of fields, among whatever else was printed.
func answers(stdout string) [][]string {
	var out [][]string
	for line := range strings.Lines(stdout) {
		_, rest, ok := strings.Cut(strings.TrimSpace(line), "corn-test:") // R prompts and progress bars may stand before it
		if !ok {
			continue
		}
		var fields []string
		for f := range strings.SplitSeq(rest, ":") {
			text, err := url.PathUnescape(strings.TrimPrefix(f, "="))
			if err != nil {
				text = f
			}
			fields = append(fields, text)
		}
		out = append(out, fields)
	}
	return out
}
