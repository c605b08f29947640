package kerneltest

import (
	"encoding/xml"
	"fmt"
	"io"
)

// The elements of JUnit's XML that CI systems read (the schema of Jenkins' xunit plugin).
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     junitTime    `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       junitTime       `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	SystemErr  string          `xml:"system-err,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      junitTime     `xml:"time,attr"`
	Failure   *junitFailure `xml:"failure"`
	Skipped   *junitSkipped `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// junitTime is milliseconds, written as seconds.
type junitTime int64

// MarshalText writes seconds with three digits behind the point.
func (t junitTime) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(t)/1000), nil
}

// WriteJUnit writes the report as JUnit XML: a suite for Jupyter and one for each kernel, a
// test for each step and each package. name is the image's.
func (r *Report) WriteJUnit(w io.Writer, name string) error {
	all := junitSuites{Name: name, Time: junitTime(r.Millis)}
	server := junitSuite{Name: "jupyter", Time: junitTime(r.Server.StartMillis), SystemErr: r.Server.Log, Properties: []junitProperty{{"command", r.Server.Command}}}
	server.add(Step{Name: "start", Result: r.Server.Result, Detail: r.Server.Detail, Millis: r.Server.StartMillis})
	all.add(server)
	for i := range r.Kernels {
		k := &r.Kernels[i]
		s := junitSuite{Name: k.Name, Time: junitTime(k.Millis), SystemErr: k.Log, Properties: []junitProperty{
			{"display_name", k.DisplayName}, {"language", k.Language}, {"version", k.Version}, {"environment", k.Environment},
		}}
		for _, step := range k.Steps {
			s.add(step)
			if step.Name != importsStep {
				continue
			}
			for _, p := range k.Packages {
				s.add(Step{Name: "package " + p.Name, Result: p.Result, Detail: p.Detail, Millis: p.Millis})
			}
		}
		all.add(s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (a *junitSuites) add(s junitSuite) {
	for i := range s.Cases {
		s.Cases[i].ClassName = s.Name
	}
	a.Suites = append(a.Suites, s)
	a.Tests, a.Failures, a.Skipped = a.Tests+s.Tests, a.Failures+s.Failures, a.Skipped+s.Skipped
}

func (s *junitSuite) add(step Step) {
	c := junitCase{Name: step.Name, Time: junitTime(step.Millis)}
	s.Tests++
	switch step.Result {
	case Failed:
		s.Failures++
		c.Failure = &junitFailure{firstLine(step.Detail), "failed", step.Detail}
	case Skipped:
		s.Skipped++
		c.Skipped = &junitSkipped{firstLine(step.Detail)}
	}
	s.Cases = append(s.Cases, c)
}
