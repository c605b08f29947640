package peertree

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Rule allows a kind of difference.
type Rule struct {
	Name string
	Why  string
	// Doc is how docs/design/link.md begins the row about it.
	Doc string
	// Rare says that packages of the demo give no occasion for it.
	Rare bool

	match func(c *comparison, d *Difference) bool
}

// Rules are all differences that are meant. Nothing else may differ.
var Rules = []Rule{
	{
		Name: "store-mode", Doc: "a file of the store can be read by all",
		Why:   "environments of several owners share it",
		match: storeMode,
	},
	{
		Name: "special-bits", Doc: "setuid, setgid and sticky are dropped",
		Why: "an extraction by an ordinary user drops them, and an image must not bring them",
		match: func(c *comparison, d *Difference) bool {
			return d.What == isMode && c.corn.Nodes[d.Path].Mode == c.peer.Nodes[d.Path].Mode&^0o7000
		},
	},
	{
		Name: "more-bytecode", Doc: "bytecode of all packages, not of noarch ones only",
		Why: "its lack costs seconds at each start",
		match: func(c *comparison, d *Difference) bool {
			if p, ok := strings.CutPrefix(d.What, isEntry); ok {
				return d.Peer == "" && c.pycCorn[p] && c.corn.Nodes[p] != nil
			}
			return d.What == isExtra && c.pycCorn[d.Path]
		},
	},
	{
		Name: "bytecode-not-there", Doc: "bytecode is listed in conda-meta where it exists",
		Why: "micromamba lists what it wanted to compile, whatever came of it",
		match: func(c *comparison, d *Difference) bool {
			p, ok := strings.CutPrefix(d.What, isEntry)
			return ok && d.Corn == "" && c.pycPeer[p] && c.corn.Nodes[p] == nil && c.peer.Nodes[p] == nil
		},
	},
	{
		Name: "stale-bytecode", Doc: "compiled bytecode that replaces a stale one is a `pyc_file` in conda-meta",
		Why: "the package's sum would be a lie",
		match: func(c *comparison, d *Difference) bool {
			p, ok := strings.CutPrefix(d.What, isEntry)
			if !ok {
				p = d.Path
			}
			return (ok || d.What == isBytes || d.What == isMode) && c.pycCorn[p] && !c.pycPeer[p] && c.listed[p] && c.peer.Nodes[p] != nil && c.corn.Nodes[p] != nil
		},
	},
	{
		Name: "machine", Doc: "`extracted_package_dir`, `package_tarball_full_path` and `link.source` name `/opt/corn/pkgs/`",
		Why:   "they name the machine, and nobody reads them",
		match: machine,
	},
	{
		Name: "history-head", Doc: "history: the date is 1980-01-02 00:00:00, the command `corn build`",
		Why: "no clock is an input",
		match: func(_ *comparison, d *Difference) bool {
			return d.What == isHistory &&
				(d.Corn == "==> 1980-01-02 00:00:00 <==" && historyDate.MatchString(d.Peer) ||
					d.Corn == "# cmd: corn build" && strings.HasPrefix(d.Peer, "# cmd: "))
		},
	},
	{
		Name: "kernels", Doc: "the activation launcher and the kernelspecs",
		Why: "they make the environment a kernel",
		match: func(c *comparison, d *Difference) bool {
			return d.What == isExtra && !c.listed[d.Path] &&
				(d.Path == "libexec/corn/activate" || strings.HasPrefix(d.Path, "share/jupyter/kernels/"))
		},
	},
	{
		Name: "link-scripts", Doc: "what link scripts say is shown and not kept",
		Why: "so does conda; the peer leaves it",
		match: func(c *comparison, d *Difference) bool {
			return d.What == isMissing && c.scripts && d.Path == ".messages.txt"
		},
	},
	{
		Name: "link-stays-a-link", Doc: "a softlink with a placeholder or with `no_link` stays a link", Rare: true,
		Why:   "the archive's own kind of entry decides",
		match: linkStays,
	},
	{
		Name: "foreign-link-sum", Doc: "`sha256_in_prefix` of a link to a rewritten file of another package is that of no bytes",
		Why:   "it would tie one package's frame to another's bytes",
		match: foreignLinkSum,
	},
	{
		Name: "outside-link-sum", Doc: "`sha256_in_prefix` of a link that leaves the prefix is that of no bytes",
		Why: "micromamba reads a file of the machine that it runs on",
		match: func(_ *comparison, d *Difference) bool {
			return isLinkSum(d) && strings.Fields(d.Peer)[2] == outside
		},
	},
	{
		Name: "listed-once", Doc: "two members of a noarch package that meet", Rare: true,
		Why:   "one path is one file",
		match: listedOnce,
	},
	{
		Name: "unlisted-facts", Doc: "what `info/paths.json` leaves out of an entry", Rare: true,
		Why:   "it is known from the archive",
		match: unlistedFacts,
	},
}

// sumOfNothing is the SHA-256 of no bytes.
const sumOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var historyDate = regexp.MustCompile(`^==> \d{4}-\d\d-\d\d \d\d:\d\d:\d\d <==$`)

func (c *comparison) ruleFor(d *Difference) *Rule {
	for i := range Rules {
		if Rules[i].match(c, d) {
			return &Rules[i]
		}
	}
	return nil
}

// isPostLink matches the script that micromamba runs: bin/.<name>-post-link.sh.
func isPostLink(p string) bool {
	return strings.HasPrefix(p, "bin/.") && strings.HasSuffix(p, "-post-link.sh")
}

// storeMode computes what a file of the store has: what it had, less the special bits, and
// bits to read and, where anybody may, to execute for all.
func storeMode(c *comparison, d *Difference) bool {
	n := c.tree.Nodes[d.Path]
	if d.What != isMode || !n.Stored {
		return false
	}
	want := c.peer.Nodes[d.Path].Mode&^0o7000 | 0o444
	if want&0o111 != 0 {
		want |= 0o111
	}
	return n.Mode == want
}

// machine knows the three fields and what corn writes there.
func machine(c *comparison, d *Difference) bool {
	rec := c.corn.Records[d.Path]
	if rec == nil {
		return false
	}
	const dir = "/opt/corn/pkgs/"
	fn, err := strconv.Unquote(rec.Get("fn"))
	if err != nil {
		return false
	}
	dist := strings.TrimSuffix(path.Base(d.Path), ".json")
	switch d.What {
	case isField + "extracted_package_dir":
		return d.Corn == strconv.Quote(dir+dist)
	case isField + "package_tarball_full_path":
		return d.Corn == strconv.Quote(dir+fn)
	case isField + "link":
		return d.Corn == fmt.Sprintf(`{"source":%q,"type":1}`, dir+dist) && strings.HasSuffix(d.Peer, `,"type":1}`)
	}
	return false
}

// linkStays allows a link for a file that micromamba made of what the link leads to, and what
// the record says of it.
func linkStays(c *comparison, d *Difference) bool {
	p, ok := strings.CutPrefix(d.What, isEntry)
	if !ok {
		p = d.Path
		if d.What != isType {
			return false
		}
	}
	a, b := c.peer.Nodes[p], c.corn.Nodes[p]
	return a != nil && b != nil && a.Type == 'f' && b.Type == 'l' && c.resolve(p) != nil
}

// isLinkSum tells whether two entries of a link differ in the sum of what it leads to, and
// the image's is that of no bytes.
func isLinkSum(d *Difference) bool {
	x, y := strings.Fields(d.Peer), strings.Fields(d.Corn)
	if !strings.HasPrefix(d.What, isEntry) || len(x) != 5 || len(y) != 5 || x[0] != "softlink" || y[2] != sumOfNothing {
		return false
	}
	x[2] = y[2]
	return slices.Equal(x, y)
}

// foreignLinkSum allows it where the link leads to a file that another package brought and
// that was rewritten.
func foreignLinkSum(c *comparison, d *Difference) bool {
	if !isLinkSum(d) {
		return false
	}
	target := c.resolve(strings.TrimPrefix(d.What, isEntry))
	if target == nil {
		return false
	}
	for p, rec := range c.peer.Records {
		for _, e := range rec.Paths {
			if p != d.Path && e.Type == "hardlink" && e.SHA256 != "=" && c.tree.Nodes[e.Path] == target {
				return true
			}
		}
	}
	return false
}

// listedOnce allows a path that micromamba lists twice in one record: the image's record has
// the last one.
func listedOnce(c *comparison, d *Difference) bool {
	p, ok := strings.CutPrefix(d.What, isEntry)
	if !ok || c.corn.Records[d.Path] == nil {
		return false
	}
	count := func(r *Record) (n int, last PathEntry) {
		for _, e := range r.Paths {
			if e.Path == p {
				n, last = n+1, e
			}
		}
		return n, last
	}
	n, x := count(c.peer.Records[d.Path])
	m, y := count(c.corn.Records[d.Path])
	return n == 2 && m == 1 && x == y
}

// unlistedFacts allows columns that only the image has: the type and the sum of a file, the
// size of a link.
func unlistedFacts(_ *comparison, d *Difference) bool {
	x, y := strings.Fields(d.Peer), strings.Fields(d.Corn)
	if !strings.HasPrefix(d.What, isEntry) || len(x) != 5 || len(y) != 5 {
		return false
	}
	if x[0] == "-" && y[0] == "hardlink" {
		x[0] = y[0]
	}
	if x[0] == "hardlink" && x[3] == "-" {
		x[3] = y[3]
	}
	if x[0] == "softlink" && x[1] == "-" {
		x[1] = y[1]
	}
	return slices.Equal(x, y)
}
