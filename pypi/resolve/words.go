package resolve

import (
	"fmt"
	"slices"
	"strings"
)

// Error is the whole explanation: a line that says what fails, and below it a line for each requirement that takes
// part, with what follows from it:
//
//	no versions of a and b satisfy every requirement
//	requirements.txt:2 asks a>=2, which needs b<3
//	requirements.txt:3 asks b==3.1
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
	switch {
	case len(p.Causes) == 1 && p.Causes[0].Lack.Kind == NoSuchProject:
		return "no index has " + names[0]
	case len(p.Causes) == 1:
		return "no version of " + names[0] + " can be installed"
	case len(names) == 1:
		return "no version of " + names[0] + " satisfies every requirement"
	case len(names) > 4:
		names = append(names[:3:3], fmt.Sprintf("%d more", len(names)-3))
	}
	return "no versions of " + list(names, "and") + " satisfy every requirement"
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
		name := c.By[0].Name
		if len(c.Extras) > 0 {
			name += "[" + strings.Join(c.Extras, ",") + "]"
		}
		b.WriteString(name + " " + versions(c.By) + verb(len(distinct(c.By)) > 1) + wanted(c.Name, c.Specs))
	}
	for len(c.Because) == 1 && len(c.Because[0].By) == len(c.Versions) {
		c = c.Because[0]
		b.WriteString(", which" + verb(false) + wanted(c.Name, c.Specs))
		if len(c.Extras) > 0 {
			b.WriteString(" for the extra " + list(c.Extras, "and"))
		}
	}
	b.WriteString(c.Lack.text(c.Name))
	if c.Lack.Kind == NoLack && len(c.Versions) == 1 && c.Versions[0].Package != "" {
		b.WriteString(", and conda brings " + c.Name + " " + c.Versions[0].Version + " (package " + c.Versions[0].Package + ")")
	}
	lines = append(lines, b.String())
	for _, k := range c.Because {
		lines = k.write(lines, depth+1)
	}
	return lines
}

func verb(plural bool) string {
	if plural {
		return " need "
	}
	return " needs "
}

// wanted writes what is wanted of one project: "b>=3.9 or >=3.10".
func wanted(name string, specs []string) string {
	const most = 3
	var parts []string
	for i, s := range specs {
		if i == most && len(specs) > most+1 {
			parts = append(parts, fmt.Sprintf("one of %d others", len(specs)-most))
			break
		}
		if rest, ok := strings.CutPrefix(s, name); ok && i > 0 && rest != "" {
			s = rest
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " or ") // commas stand in them
}

// text says what is lacking, after what is asked.
func (l Lack) text(name string) string {
	have := versions(l.Have)
	many, has := len(distinct(l.Have)) > 1, "has"
	if many {
		has = "have"
	}
	switch l.Kind {
	case NoSuchProject:
		return ", which no index has"
	case NoSuchVersion:
		if have == "" {
			return ", of which no index has a wheel or an sdist"
		}
		return ", which no index has; there is " + have
	case ByConda:
		return ", and conda brings " + name + " " + have + " (package " + l.Have[0].Package + ")"
	case UnknownURL:
		return ", and URLs are taken from your own requirements only"
	case OtherURL:
		return ", and " + l.Detail + " is " + name + " " + have
	case Unreadable:
		return ", which cannot be used: " + l.Detail
	case TooNew:
		return ", which is newer than what may be used (" + have + ")"
	case NeedsPython:
		return fmt.Sprintf(", and %s%spython %s; the target has %s", of(name, have), verb(many), l.Detail, l.Target)
	case NoWheel:
		return fmt.Sprintf(", and %s %s no wheel for the target and no sdist; there is %s", of(name, have), has, files(l.Files))
	case Forbidden:
		return fmt.Sprintf(", and of %s %s; there is %s", of(name, have), l.Detail, files(l.Files))
	case OnlySdist:
		return fmt.Sprintf(", and %s %s no wheel for the target and would have to be built; there is %s", of(name, have), has, files(l.Files))
	case OnlyYanked:
		s := ", and the authors of " + of(name, have) + " have withdrawn it (yanked)"
		if l.Detail != "" {
			s += ": " + l.Detail
		}
		return s
	case NoHash:
		return ", and no requirement gives a hash of " + name
	case OtherHash:
		return fmt.Sprintf(", and no file of %s has a hash that is given; there is %s", of(name, have), files(l.Files))
	case OnlyPrereleases:
		return ", of which there are pre-releases only (" + have + ")"
	}
	return ""
}

func of(name, have string) string {
	if have == "" {
		return name
	}
	return name + " " + have
}

// files lists a few file names.
func files(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more files", strings.Join(names[:most], ", "), len(names)-most)
	}
	return list(names, "and")
}

// String says what to do.
func (h Hint) String() string {
	where := h.Requirement.Origin.String()
	if where != "" {
		where = " (" + where + ")"
	}
	gets := ""
	if h.Gets != nil {
		gets = ": " + h.Gets.Name + " " + h.Gets.Version + " would do"
	}
	switch h.Kind {
	case Relax:
		return "ask for any version in place of " + h.Requirement.short() + where + gets
	case Drop:
		return "leave out " + h.Requirement.short() + where
	case AllowPrereleases:
		return "allow pre-releases (--pre)" + gets
	case AllowSdists:
		return "let sdists be built" + gets
	case AskURL:
		return "ask for " + h.Name + " @ " + h.URL + " yourself"
	case AskConda:
		return "have conda bring another " + h.Name + " than " + h.Package + ", or none" + gets
	}
	return "allow newer files" + gets
}

// versions lists the versions of dists, which are in order of preference.
func versions(dists []Dist) string {
	all := distinct(dists)
	if len(all) > 3 {
		return all[len(all)-1] + " to " + all[0]
	}
	return list(all, "and")
}

func distinct(dists []Dist) []string {
	var out []string
	for _, d := range dists {
		if d.Version != "" && !slices.Contains(out, d.Version) {
			out = append(out, d.Version)
		}
	}
	return out
}

// list joins words: "a", "a and b", "a, b and c".
func list(words []string, and string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + and + " " + words[len(words)-1]
}
