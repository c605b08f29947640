package engine

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/bench/run"
)

//go:embed start.py
var startScript string

// Starts are the times of one environment in a container.
type Starts struct {
	Import time.Duration `json:"import_ns"` // interpreter, imports and exit
	Kernel time.Duration `json:"kernel_ns"` // from the start of a kernel to the answer of its first cell
}

// Measure starts the interpreter of an env to import modules, and then its kernel. Inside
// the container the clock is bash's, so that starting docker's own programs does not count.
func (c *Container) Measure(ctx context.Context, prefix, kernel string, modules []string) (Starts, error) {
	var s Starts
	python := prefix + "/bin/python"
	// bash's clock has a comma in some locales; both count microseconds.
	out, err := c.Exec(ctx, "", "bash", "-c", `set -e
python=$1; shift
begin=${EPOCHREALTIME/[.,]/}
"$python" -c "import $*"
end=${EPOCHREALTIME/[.,]/}
echo $((end - begin))`, "measure", python, strings.Join(modules, ", "))
	if err != nil {
		return s, err
	}
	micros, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		return s, fmt.Errorf("time of an import: %w", err)
	}
	s.Import = time.Duration(micros) * time.Microsecond
	out, err = c.Exec(ctx, startScript, python, "-", kernel)
	if err != nil {
		return s, err
	}
	lines := strings.Fields(out)
	if len(lines) == 0 {
		return s, fmt.Errorf("kernel %s: no time was printed", kernel)
	}
	seconds, err := strconv.ParseFloat(lines[len(lines)-1], 64)
	if err != nil {
		return s, fmt.Errorf("time of kernel %s: %w", kernel, err)
	}
	s.Kernel = time.Duration(seconds * float64(time.Second))
	return s, nil
}

// Cold is Measure after the machine has forgotten all files, each part on its own.
func (c *Container) Cold(ctx context.Context, prefix, kernel string, modules []string) (Starts, error) {
	if err := run.DropCaches(); err != nil {
		return Starts{}, err
	}
	first, err := c.Measure(ctx, prefix, kernel, modules)
	if err != nil {
		return Starts{}, err
	}
	if err := run.DropCaches(); err != nil {
		return Starts{}, err
	}
	out, err := c.Exec(ctx, startScript, prefix+"/bin/python", "-", kernel)
	if err != nil {
		return Starts{}, err
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil {
		return Starts{}, fmt.Errorf("time of kernel %s: %w", kernel, err)
	}
	first.Kernel = time.Duration(seconds * float64(time.Second))
	return first, nil
}
