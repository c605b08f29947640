package hub

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A Kernel is what people want to know of one of an image's kernels.
type Kernel struct {
	Name        string    `json:"name"`
	DisplayName string    `json:"display_name"`
	Language    string    `json:"language"`
	Env         string    `json:"env"`
	Python      string    `json:"python,omitempty"` // "3.13"; empty: none in its environment
	Packages    []Package `json:"packages"`         // that its environment asks for by name
}

// A Package is a package of an environment.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// machinery are packages that kernels need and nobody chooses an image for.
var machinery = []string{"python", "pip", "ipykernel", "r-irkernel", "r-base", "jupyterlab", "jupyterhub-singleuser", "notebook", "setuptools", "nbgitpuller"}

// A Profile is one entry that users choose in a hub's list.
type Profile struct {
	DisplayName string
	Slug        string // empty: of DisplayName
	Image       Ref
	Kernels     []Kernel
	// Packages is how many of a kernel's packages the description names; zero means 8.
	Packages int
}

// Description is one line for each kernel.
func (p *Profile) Description() []string {
	most := p.Packages
	if most == 0 {
		most = 8
	}
	var lines []string
	for _, k := range p.Kernels {
		line := oneLine(k.DisplayName)
		if k.Python != "" {
			line += " (Python " + k.Python + ")"
		} else if k.Language != "" {
			line += " (" + oneLine(k.Language) + ")"
		}
		var words []string
		for _, pkg := range k.Packages {
			if !slices.Contains(machinery, strings.ToLower(pkg.Name)) {
				words = append(words, pkg.Name+" "+pkg.Version)
			}
		}
		if n := len(words) - most; n > 0 {
			words = append(words[:most], fmt.Sprintf("%d more", n))
		}
		if len(words) > 0 {
			line += ": " + strings.Join(words, ", ")
		}
		lines = append(lines, line)
	}
	return lines
}

// SlugOf is the word that the hub's API knows a profile by, as KubeSpawner makes it of a name.
func SlugOf(name string) string {
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// Entry is the profile as an item of singleuser.profileList.
func (p *Profile) Entry() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- display_name: %s\n", jsonText(p.DisplayName))
	fmt.Fprintf(&b, "  slug: %s\n", quoted(p.slug()))
	p.rest(&b, "  ")
	return b.String()
}

// Choice is the profile as one of the choices of profile_options.image.
func (p *Profile) Choice() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n  display_name: %s\n", quoted(p.slug()), jsonText(p.DisplayName))
	p.rest(&b, "  ")
	return b.String()
}

func (p *Profile) rest(b *strings.Builder, in string) {
	if lines := p.Description(); len(lines) > 0 {
		fmt.Fprintf(b, "%sdescription: >-\n", in)
		for i, line := range lines {
			end := "<br>\n"
			if i == len(lines)-1 {
				end = "\n"
			}
			fmt.Fprintf(b, "%s  %s%s", in, html.Replace(line), end)
		}
	}
	fmt.Fprintf(b, "%skubespawner_override:\n%s  image: %s\n", in, in, p.Image)
}

func (p *Profile) slug() string {
	if p.Slug != "" {
		return p.Slug
	}
	if s := SlugOf(p.DisplayName); s != "" {
		return s
	}
	return "image"
}

// html is for descriptions, which hubs show as HTML.
var html = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// oneLine makes a text safe inside one line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// jsonText is a text in double quotes: JSON's are YAML's.
func jsonText(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(oneLine(s)); err != nil {
		panic(err) // a string is always JSON
	}
	return strings.TrimSpace(b.String())
}
