package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nasa-openscapes/corn/internal/pipeline"
	"github.com/nasa-openscapes/corn/internal/report"
)

const diffLong = `Say what changes from A to B: kernels and packages that come and go, go up or down or are built
anew; of two images also layers, and what a node has to pull.

A and B are, in any mix: images as for corn inspect; lock files; project folders; git:REV or
git:REV:PROJECT, the project in this or that folder as a commit has it. Projects are compared by
their locks. Packages that environment.yml or requirements.txt asks for by name are marked "*".

--markdown prints what a comment on a pull request shows.`

const diffExample = `  corn diff git:main .
  corn diff quay.io/team/hub:2026.01 quay.io/team/hub:2026.02
  corn diff quay.io/team/hub:2026.01 . --markdown
  corn diff git:HEAD~1:hackweek hackweek --env bash --json`

func newDiff(g *globals) *cobra.Command {
	var req pipeline.DiffRequest
	var markdown bool
	cmd := &cobra.Command{
		Use:     "diff A B",
		Short:   "say what changes between two images, locks, projects or revisions",
		Long:    diffLong + "\n\n" + report.ExitCodes,
		Example: diffExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(cmd, fmt.Errorf("want two things to compare, got %d: %q", len(args), args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if markdown && g.json {
				return usage(cmd, fmt.Errorf("--markdown and --json are two forms of the result: want one of them"))
			}
			req.A, req.B = args[0], args[1]
			p := g.printer()
			res, err := pipeline.Diff(cmd.Context(), req, p)
			if err != nil {
				return err
			}
			return p.Result(res, func(w io.Writer) error {
				if markdown {
					return writeDiffMarkdown(w, res)
				}
				return writeDiff(w, res)
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&req.Envs, "env", nil, "compare this environment alone; may be repeated")
	f.BoolVar(&markdown, "markdown", false, "print Markdown")
	imageFlags(cmd, &req.Platform, &req.CacheDir)
	return cmd
}

// changeKinds are the kinds of change in the order in which they are told.
var changeKinds = []string{"added", "removed", "up", "down", "rebuilt"}

// countChanges says how many changes of each kind there are: "1 added, 2 up".
func countChanges(changes []pipeline.DiffChange) string {
	n := map[string]int{}
	for _, c := range changes {
		n[c.Change]++
	}
	var parts []string
	for _, kind := range changeKinds {
		if n[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[kind], kind))
		}
	}
	return strings.Join(parts, ", ")
}

// headline says what became of an environment, without its name.
func headline(e *pipeline.DiffEnv) string {
	var s string
	switch e.Change {
	case "added":
		s = "new, " + report.Count(e.After, "package")
	case "removed":
		s = "gone, with " + report.Count(e.Before, "package")
	case "same":
		s = "the same " + report.Count(e.After, "package")
	default:
		s = countChanges(e.Changes)
	}
	return s
}

// toldOf are the changes that are worth a line: of a new environment what it asks for, of one
// that is gone nothing.
func toldOf(e *pipeline.DiffEnv) []pipeline.DiffChange {
	switch e.Change {
	case "removed":
		return nil
	case "added":
		var out []pipeline.DiffChange
		for _, c := range e.Changes {
			if c.Requested {
				out = append(out, c)
			}
		}
		return out
	}
	return e.Changes
}

func writeDiff(w io.Writer, res *pipeline.DiffResult) error {
	var b strings.Builder
	if res.Same {
		fmt.Fprintf(&b, "%s and %s have the same packages\n", res.A.Ref, res.B.Ref)
	}
	for i := range res.Environments {
		e := &res.Environments[i]
		if res.Same {
			break
		}
		fmt.Fprintf(&b, "%s: %s\n", e.Name, headline(e))
		if e.WasCalled != "" {
			fmt.Fprintf(&b, "  called %q, before %q\n", e.DisplayName, e.WasCalled)
		}
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, c := range toldOf(e) {
			mark := ""
			if c.Requested {
				mark = " *"
			}
			fmt.Fprintf(t, "  %s\t%s%s\t%s\n", c.Change, c.Name, mark, fromTo(&c, " -> "))
		}
		_ = t.Flush() // into a strings.Builder
	}
	if l := res.Layers; l != nil {
		if l.Base != nil {
			fmt.Fprintf(&b, "base: %s, before %s\n", l.Base.To, l.Base.From)
		}
		for _, s := range layerWords(l) {
			fmt.Fprintf(&b, "%s\n", s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fromTo writes the version before and the one after; the build only where the version is the same.
func fromTo(c *pipeline.DiffChange, arrow string) string {
	from, to := c.From, c.To
	if c.Change == "up" || c.Change == "down" {
		from, _, _ = strings.Cut(from, " ")
		to, _, _ = strings.Cut(to, " ")
	}
	switch {
	case from == "":
		return to
	case to == "":
		return from
	}
	return from + arrow + to
}

// layerWords tells of layers, and of what nodes pull.
func layerWords(l *pipeline.DiffLayers) []string {
	warm := report.Size(l.Pull.Warm)
	if l.Pull.WarmMost > l.Pull.Warm {
		warm += fmt.Sprintf(" (%s if it keeps no blobs)", report.Size(l.Pull.WarmMost))
	}
	return []string{
		fmt.Sprintf("layers: %d kept, %s; %d new, %s; %d gone, %s", l.Kept.Layers, report.Size(l.Kept.Bytes), l.New.Layers, report.Size(l.New.Bytes), l.Gone.Layers, report.Size(l.Gone.Bytes)),
		fmt.Sprintf("pull: %s on a node that has the image before, %s on a new one", warm, report.Size(l.Pull.Cold)),
	}
}
