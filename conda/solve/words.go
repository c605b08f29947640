package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nasa-openscapes/corn/conda/record"
)

// Error is the whole explanation: a line that says what fails, and below it a line for each request
// that takes part, with what follows from it:
//
//	no version of xarray and python satisfies every request
//	climate/environment.yml:7 asks xarray >=2024.1, which needs python >=3.9
//	climate/environment.yml:5 asks python 3.8.*
func (u *Unsolvable) Error() string {
	var lines []string
	for _, p := range u.Problems {
		lines = append(lines, p.head())
		for _, c := range p.Causes {
			lines = c.write(lines, 0)
		}
	}
	return strings.Join(lines, "\n")
}

// Hint says what to do, for one of the problems; the rest comes up when that is done. Empty where nothing was found.
func (u *Unsolvable) Hint() string {
	for _, p := range u.Problems {
		var ways []string
		for _, h := range p.Hints {
			ways = append(ways, h.String())
		}
		if len(p.Causes) == 1 && len(p.Causes[0].Lack.Near) > 0 {
			ways = append([]string{"ask for " + list(p.Causes[0].Lack.Near, "or")}, ways...)
		}
		if len(ways) > 0 {
			return strings.Join(ways, ",\nor ")
		}
	}
	return ""
}

func (p Problem) head() string {
	var names []string
	for _, c := range p.Causes {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	if len(p.Causes) == 1 {
		if p.Causes[0].Lack.Kind == NoSuchName {
			return "no channel has " + names[0]
		}
		return "no version of " + names[0] + " can be installed"
	}
	if len(names) > 4 {
		names = append(names[:3:3], fmt.Sprintf("%d more", len(names)-3))
	}
	if len(names) == 1 {
		return "no version of " + names[0] + " satisfies every request"
	}
	return "no versions of " + list(names, "and") + " satisfy every request"
}

// write adds the line of c and the lines below it.
func (c Cause) write(lines []string, depth int) []string {
	var b strings.Builder
	b.WriteString(strings.Repeat("  ", depth))
	switch c.Kind {
	case Requested, Allowed:
		where := c.Origin.String()
		if where == "" {
			where = "the request"
		}
		verb := " asks "
		if c.Kind == Allowed {
			verb = " allows only "
		}
		b.WriteString(where + verb + c.Specs[0])
	default:
		plural := len(distinct(c.By)) > 1
		b.WriteString(c.By[0].Name + " " + versions(c.By) + verb(c.Kind, plural) + wanted(c.Name, c.Specs))
	}
	for len(c.Because) == 1 && c.covers() {
		c = c.Because[0]
		b.WriteString(", which" + verb(c.Kind, false) + wanted(c.Name, c.Specs))
	}
	b.WriteString(c.Lack.text(c.Name))
	lines = append(lines, b.String())
	for _, k := range c.Because {
		lines = k.write(lines, depth+1)
	}
	return lines
}

// covers tells whether the one reason of c holds for all its records.
func (c Cause) covers() bool { return len(c.Because[0].By) == len(c.Records) }

func verb(k CauseKind, plural bool) string {
	switch {
	case k == Constrains && plural:
		return " allow only "
	case k == Constrains:
		return " allows only "
	case plural:
		return " need "
	}
	return " needs "
}

// wanted writes specs of one name: "python >=3.9 or >=3.10".
func wanted(name string, specs []string) string {
	const most = 3
	var parts []string
	for i, s := range specs {
		if i == most && len(specs) > most+1 {
			parts = append(parts, fmt.Sprintf("one of %d others", len(specs)-most))
			break
		}
		if rest, ok := strings.CutPrefix(s, name); ok && i > 0 && rest != "" {
			s = strings.TrimSpace(rest)
		}
		parts = append(parts, s)
	}
	return list(parts, "or")
}

// text says what is lacking, after what is asked.
func (l Lack) text(name string) string {
	switch l.Kind {
	case NoSuchName:
		if len(l.Near) > 0 {
			return ", which no channel has (there is " + list(l.Near, "and") + ")"
		}
		return ", which no channel has"
	case NoSuchRecord:
		return ", which no channel has; there is " + versions(l.Have) + " on " + channels(l.Have) + builds(l.Have)
	case HiddenByPriority:
		s := ", which only " + channels(l.Have) + " has (" + versions(l.Have) + ")"
		if len(l.Instead) > 0 {
			s += ", and strict channel priority takes " + name + " from " + channels(l.Instead) + " (" + versions(l.Instead) + ")"
		}
		return s
	case TooNew:
		return ", which is newer than what may be used (" + versions(l.Have) + ")"
	case NotOnTarget:
		if len(l.Have) == 0 {
			return ", and the target has no " + name
		}
		return ", and the target has " + name + " " + versions(l.Have)
	case Unreadable:
		return ", and what " + name + " " + versions(l.Have) + " needs cannot be read: " + l.Err.Error()
	}
	return ""
}

// String says what to do.
func (h Hint) String() string {
	where := h.Spec.Origin.String()
	if where != "" {
		where = " (" + where + ")"
	}
	gets := ""
	if h.Gets != nil {
		gets = ": " + h.Gets.Name + " " + h.Gets.Version + " would do"
	}
	switch h.Kind {
	case Relax:
		return "ask for any version in place of " + h.Spec.Text + where + gets
	case Drop:
		return "leave out " + h.Spec.Text + where
	case RelaxPriority:
		if h.Gets != nil {
			gets = ": " + h.Gets.Name + " " + h.Gets.Version + " of " + record.Redact(h.Gets.Channel) + " would do"
		}
		return "set channel_priority: flexible" + gets
	}
	return "allow newer packages"
}

// versions lists the versions of records, which are in order of preference.
func versions(recs []*record.Record) string {
	all := distinct(recs)
	if len(all) > 3 {
		return all[len(all)-1] + " to " + all[0]
	}
	return list(all, "and")
}

// builds lists the builds too where one version is all there is: then it is the build that was wanted.
func builds(recs []*record.Record) string {
	if len(distinct(recs)) > 1 || len(recs) < 2 || len(recs) > 4 {
		return ""
	}
	var all []string
	for _, r := range recs {
		all = append(all, r.Build)
	}
	return " (builds " + list(all, "and") + ")"
}

func distinct(recs []*record.Record) []string {
	var out []string
	for _, r := range recs {
		if !slices.Contains(out, r.Version) {
			out = append(out, r.Version)
		}
	}
	return out
}

func channels(recs []*record.Record) string {
	var out []string
	for _, r := range recs {
		if c := record.Redact(r.Channel); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return list(out, "and")
}

// list joins words: "a", "a and b", "a, b and c".
func list(words []string, and string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + and + " " + words[len(words)-1]
}
