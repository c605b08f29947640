package hub

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An image is a reference to one in a YAML file.
type image struct {
	ref  Ref
	path string // "singleuser.profileList[0].kubespawner_override.image"
	at   *yaml.Node
	// A reference in one text has text; one in parts has name (maybe of another file) and tag.
	text, name, tag, digest *yaml.Node
	titles                  []title
	left                    string // why it is not to be changed
	certain                 bool   // its key says that it is an image
}

// A title is a text for people that may repeat the tag: a display_name or description.
type title struct {
	path string
	node *yaml.Node
}

func (im *image) line() int { return im.at.Line }

// A finder walks one file's values as a reader of them sees it: aliases and merge keys followed.
type finder struct {
	src    *source
	names  map[string]string // repository by the path of a name, in all files: a tag may stand in another
	images []*image
	lists  []string // paths of profileLists
	texts  []title  // longer texts, which may name an image somewhere in them
	others []title  // values that are no images, and stand elsewhere: aliases
	visits int
}

// titleKeys are keys whose text is for people: never a reference, even where it looks like one.
var titleKeys = []string{"display_name", "description"}

// partKeys are those of an image that is written in parts.
var partKeys = []string{"name", "repository", "tag", "digest", "registry"}

// foreignKeys hold containers of the admin's, beside or before the user's.
var foreignKeys = []string{"initContainers", "init_containers", "extraContainers", "extra_containers", "sidecars"}

// frame is where the walk is.
type frame struct {
	path   string
	key    string // the last key
	parent string // the one before
	left   string
	titles []title // of the nearest profile or choice
	depth  int
	alias  bool // the value is another's, through an alias
}

func (f *finder) walk(n *yaml.Node, in frame) error {
	if f.visits++; f.visits > maxVisits || in.depth > 200 {
		return f.src.fail(n.Line, fmt.Sprintf("more than %d values, or nested deeper than 200: aliases of aliases?", maxVisits), "")
	}
	in.depth++
	if n.Kind != yaml.AliasNode && n.Kind != yaml.ScalarNode {
		in.alias = false
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, sub := range n.Content {
			if err := f.walk(sub, in); err != nil {
				return err
			}
		}
	case yaml.AliasNode:
		in.alias = true
		return f.walk(n.Alias, in)
	case yaml.SequenceNode:
		if in.key == "profileList" {
			f.lists = append(f.lists, normalPath(in.path))
		}
		for i, sub := range n.Content {
			at := in
			at.path = fmt.Sprintf("%s[%d]", in.path, i)
			if err := f.walk(sub, at); err != nil {
				return err
			}
		}
	case yaml.MappingNode:
		return f.mapping(n, in)
	case yaml.ScalarNode:
		f.scalar(n, in)
	}
	return nil
}

// A field is a key of a mapping with its value.
type field struct {
	key   string
	value *yaml.Node
	twice *yaml.Node // the key, where it stood before already
}

// fields are the keys and values of a mapping, with those of its merge keys that it does not have
// itself.
func (f *finder) fields(n *yaml.Node, depth int) ([]field, error) {
	var out []field
	have := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			merged = append(merged, v)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			continue // a key that is a list names no image
		}
		one := field{key: k.Value, value: v}
		if have[k.Value] {
			one.twice = k
		}
		have[k.Value] = true
		out = append(out, one)
	}
	for i := 0; i < len(merged); i++ {
		v := merged[i]
		if f.visits++; f.visits > maxVisits || depth > 50 {
			return nil, f.src.fail(v.Line, "merge keys of merge keys: too many", "")
		}
		switch v.Kind {
		case yaml.AliasNode:
			merged = append(merged, v.Alias)
		case yaml.SequenceNode:
			merged = append(merged, v.Content...)
		case yaml.MappingNode:
			sub, err := f.fields(v, depth+1)
			if err != nil {
				return nil, err
			}
			for _, one := range sub {
				if !have[one.key] {
					have[one.key] = true
					out = append(out, one)
				}
			}
		}
	}
	return out, nil
}

func (f *finder) mapping(n *yaml.Node, in frame) error {
	fields, err := f.fields(n, 0)
	if err != nil {
		return err
	}
	values := map[string]*yaml.Node{}
	for _, one := range fields {
		values[one.key] = one.value
	}
	if values["kubespawner_override"] != nil {
		in.titles = nil
		for _, k := range titleKeys {
			if v := resolve(values[k]); v != nil && v.Kind == yaml.ScalarNode {
				in.titles = append(in.titles, title{join(in.path, k), v})
			}
		}
	}
	parts := f.inParts(n, in, values)
	for _, one := range fields {
		k := one.key
		if parts && slices.Contains(partKeys, k) {
			if one.twice != nil { // elsewhere it is not corn's business
				return f.src.fail(one.twice.Line, fmt.Sprintf("key %q stands here a second time: readers differ in which one counts", k), "remove one")
			}
			continue
		}
		at := in
		at.path, at.key, at.parent = join(in.path, k), k, in.key
		if in.key == "hub" && k == "image" {
			at.left = "the hub's own image"
		}
		if slices.Contains(foreignKeys, k) {
			at.left = "not the user's container: below " + k
		}
		if slices.Contains(titleKeys, k) {
			continue
		}
		if err := f.walk(one.value, at); err != nil {
			return err
		}
	}
	return nil
}

// inParts finds {name: REPO, tag: TAG}, as z2jh's singleuser.image and prePuller.extraImages have
// it, and {repository: REPO, tag: TAG} of other charts.
func (f *finder) inParts(n *yaml.Node, in frame, values map[string]*yaml.Node) bool {
	tag, digest := resolve(values["tag"]), resolve(values["digest"])
	name := resolve(values["name"])
	if name == nil {
		name = resolve(values["repository"])
	}
	imageKey := in.key == "image" || in.parent == "extraImages"
	if tag != nil && tag.Kind != yaml.ScalarNode || name != nil && name.Kind != yaml.ScalarNode || tag == nil && !imageKey {
		return false
	}
	im := &image{path: in.path, at: n, name: name, tag: tag, digest: digest, left: in.left, certain: true, titles: in.titles}
	repository := f.names[normalPath(in.path)]
	if name != nil {
		repository = name.Value
	}
	if name == nil && (tag == nil || repository == "") {
		return false
	}
	if r := resolve(values["registry"]); r != nil && r.Kind == yaml.ScalarNode && r.Value != "" {
		repository = r.Value + "/" + repository
	}
	ref, err := ParseRef(strings.TrimSuffix(repository, pinSuffix))
	if err != nil || ref.Digest != "" || ref.Tag != "" && tag != nil {
		return false
	}
	if ref.Tag != "" {
		return false // the whole reference is in name
	}
	switch {
	case tag == nil:
		im.at, im.left = name, "its tag is not in this file"
	case tag.Tag == "!!null" || tag.Value == "":
		im.at, im.left = tag, "its tag has no value: write one, corn changes it from then on"
	default:
		im.at = tag
		ref.Tag, ref.Digest, _ = strings.Cut(tag.Value, "@")
		if strings.HasSuffix(repository, pinSuffix) {
			ref.Tag, ref.Digest = "", "sha256:"+tag.Value
		}
	}
	if ref.Tag != "" && !tagForm.MatchString(ref.Tag) || ref.Digest != "" && !digestForm.MatchString(ref.Digest) {
		im.left = "its tag cannot be one: a template?"
	}
	if digest != nil && digest.Kind == yaml.ScalarNode && digest.Tag != "!!null" && digest.Value != "" {
		ref.Digest = digest.Value
	}
	if in.left != "" {
		im.left = in.left
	}
	im.ref = ref
	f.images = append(f.images, im)
	return true
}

// pinSuffix ends a name whose tag is the rest of a digest: charts write name:tag.
const pinSuffix = "@sha256"

func (f *finder) scalar(n *yaml.Node, in frame) {
	before := len(f.images)
	defer func() {
		if in.alias && len(f.images) == before {
			f.others = append(f.others, title{in.path, n})
		}
	}()
	if n.Tag != "!!str" {
		return
	}
	ref, err := ParseRef(strings.TrimRight(n.Value, "\n"))
	if err != nil {
		f.texts = append(f.texts, title{in.path, n})
		return
	}
	im := &image{ref: ref, path: in.path, at: n, text: n, left: in.left, titles: in.titles}
	im.certain = in.key == "image" || strings.HasSuffix(in.key, ".image") || in.key == "name" && strings.Contains(in.path, "images")
	if ref.Tag == "" && ref.Digest == "" {
		if !im.certain {
			return // any word looks like a repository
		}
		if in.key == "name" && in.left == "" {
			im.left = "without a tag: hubploy adds its own"
		}
	}
	f.images = append(f.images, im)
}

func resolve(n *yaml.Node) *yaml.Node {
	for range 20 {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return n
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// normalPath is a path without the charts around the hub's: what basehub.jupyterhub.singleuser and
// singleuser have in common.
func normalPath(path string) string {
	for _, chart := range []string{"basehub.", "daskhub.", "binderhub.", "jupyterhub.", "basehub."} {
		path = strings.TrimPrefix(path, chart)
	}
	return path
}
