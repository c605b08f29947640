package project

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nasa-openscapes/corn/yamltree"
)

// StepSettings are what corn.yaml says of programs that run while the image is built.
type StepSettings struct {
	Run         []RunStep // in their order, after postBuild
	CopyProject bool      // the project's folder becomes a part of the home

	// Limits of each step, apt.txt's and those of link scripts included; zero: the default.
	Timeout     time.Duration
	DiskBytes   int64
	MemoryBytes int64
	Processes   int
}

// A RunStep is one item of corn.yaml's run.
type RunStep struct {
	Name      string
	Script    string        // for the image's shell
	Root      bool          // as root, not as the image's user
	NoNetwork bool          // with a loopback interface alone
	Timeout   time.Duration // zero: StepSettings.Timeout
	Line      int
}

// decodeRun reads the list of steps.
func decodeRun(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	if v.Kind == yamltree.Nothing {
		return nil
	}
	if v.Kind != yamltree.List {
		return f.Fail(v, "run is %s: want %s of steps, each with name and run", v.Kind, yamltree.List)
	}
	for _, item := range v.Values {
		r, err := decodeRunStep(f, item)
		if err != nil {
			return err
		}
		for _, other := range s.Steps.Run {
			if other.Name == r.Name {
				return f.Fail(item, "run: two steps are called %s", r.Name)
			}
		}
		s.Steps.Run = append(s.Steps.Run, *r)
	}
	return nil
}

var runStepKeys = []string{"name", "network", "run", "timeout", "user"}

func decodeRunStep(f *yamltree.File, v *yamltree.Value) (*RunStep, error) {
	if v.Kind != yamltree.Mapping {
		return nil, f.Fail(v, "a step of run is %s: want %s with name and run", v.Kind, yamltree.Mapping)
	}
	r := &RunStep{}
	for i, key := range v.Keys {
		value := v.Values[i]
		text, err := f.Text(value, key)
		if err != nil {
			return nil, err
		}
		switch key {
		case "name":
			if r.Name = text; !slugForm.MatchString(text) || len(text) > maxStepName {
				return nil, f.Fail(value, "step %q: want a name of lower-case letters, digits and . _ -, of %d at most", text, maxStepName)
			}
			r.Line = v.KeyPlaces[i].Line
		case "run":
			if r.Script = text; strings.TrimSpace(text) == "" {
				return nil, f.Fail(value, "run is empty: want a script for the image's shell")
			}
			if strings.ContainsRune(text, 0) {
				return nil, f.Fail(value, "run has a NUL, which no argument can have")
			}
		case "user":
			if r.Root = text == "root"; !r.Root && text != "image" {
				return nil, f.Fail(value, "user is %q: want root, or image for the image's user", text)
			}
		case "network":
			if r.NoNetwork = text == "none"; !r.NoNetwork && text != "host" {
				return nil, f.Fail(value, "network is %q: want none, or host for this machine's", text)
			}
		case "timeout":
			if r.Timeout, err = timeout(f, value, text); err != nil {
				return nil, err
			}
		default:
			return nil, f.FailAt(v.KeyPlaces[i].WholeLine(), unknownKey(key, runStepKeys))
		}
	}
	if r.Name == "" || r.Script == "" {
		return nil, f.Fail(v, "a step of run needs name and run")
	}
	return r, nil
}

// maxStepName bounds a name, which is part of a layer's id.
const maxStepName = 64

// decodeSteps reads the limits of all steps.
func decodeSteps(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	if v.Kind != yamltree.Mapping {
		return f.Fail(v, "steps is %s: want %s of limits", v.Kind, yamltree.Mapping)
	}
	for i, key := range v.Keys {
		value := v.Values[i]
		text, err := f.Text(value, key)
		if err != nil {
			return err
		}
		switch key {
		case "timeout":
			s.Steps.Timeout, err = timeout(f, value, text)
		case "disk":
			s.Steps.DiskBytes, err = size(f, value, key, text)
		case "memory":
			s.Steps.MemoryBytes, err = size(f, value, key, text)
		case "processes":
			n, bad := strconv.Atoi(text)
			if s.Steps.Processes = n; bad != nil || n < 1 || n > math.MaxInt32 {
				err = f.Fail(value, "processes is %q: want a number from 1", text)
			}
		default:
			err = f.FailAt(v.KeyPlaces[i].WholeLine(), unknownKey(key, []string{"disk", "memory", "processes", "timeout"}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func decodeCopyProject(f *yamltree.File, v *yamltree.Value, s *Settings) error {
	text := ""
	if err := choice("copy_project", func(*Settings) *string { return &text }, "true", "false")(f, v, s); err != nil {
		return err
	}
	s.Steps.CopyProject = text == "true"
	return nil
}

var timeoutForm = regexp.MustCompile(`^(?:[0-9]{1,4}h)?(?:[0-9]{1,6}m)?(?:[0-9]{1,8}s)?$`)

func timeout(f *yamltree.File, v *yamltree.Value, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || !timeoutForm.MatchString(text) || d <= 0 {
		return 0, f.Fail(v, "timeout is %q: want a time such as 30s, 10m or 1h30m", text)
	}
	return d, nil
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,9}) ?(k|M|G|T|Ki|Mi|Gi|Ti)B$`)

func size(f *yamltree.File, v *yamltree.Value, what, text string) (int64, error) {
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return 0, f.Fail(v, "%s is %q: want a size such as 500MB or 20GiB", what, text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", text, err)) // nine digits are a number
	}
	base := int64(1000)
	if strings.HasSuffix(m[2], "i") {
		base = 1024
	}
	for range 1 + strings.Index("KMGT", strings.ToUpper(m[2][:1])) {
		n *= base
	}
	if n == 0 {
		return 0, f.Fail(v, "%s is 0: leave it out for the default", what)
	}
	return n, nil
}
