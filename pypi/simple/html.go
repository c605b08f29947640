package simple

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/nasa-openscapes/corn/digest"
)

// A link is what a page says of one file, before it is believed.
type link struct {
	name, href     string // href may be relative; name is JSON's "filename"
	hashes         map[string]string
	requiresPython string
	yanked         bool
	yankedReason   string
	metadata       bool
	metadataSums   map[string]string
	sizeBytes      int64
	uploaded       string
}

// parseHTML reads the links of a page (PEP 503). Base is what hrefs are relative to. Empty pages
// have to say that they are an index's (PEP 629), as a login page is as empty; links pages of
// find-links need not.
func parseHTML(body []byte, base string, index bool) (links []link, at string, err error) {
	at = base
	declared, titled := false, ""
	z := html.NewTokenizer(bytes.NewReader(body))
	inTitle := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			if index && len(links) == 0 && !declared {
				return nil, at, &FormatError{Reason: "it has no links" + titled}
			}
			return links, at, nil
		case html.TextToken:
			if inTitle && titled == "" {
				if t := strings.Join(strings.Fields(string(z.Text())), " "); t != "" {
					titled = ", and its title is " + quoted(t)
				}
			}
		case html.EndTagToken:
			inTitle = false
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, more := z.TagName()
			name := string(tag)
			inTitle = name == "title"
			if name != "a" && name != "base" && name != "meta" {
				continue
			}
			attrs := map[string]string{}
			for more {
				var k, v []byte
				k, v, more = z.TagAttr()
				if _, twice := attrs[string(k)]; !twice { // HTML: the first one counts
					attrs[string(k)] = string(v)
				}
			}
			switch name {
			case "base":
				if b, err := url.Parse(at); err == nil && attrs["href"] != "" {
					if u, err := b.Parse(strings.TrimSpace(attrs["href"])); err == nil {
						at = u.String()
					}
				}
			case "meta":
				if attrs["name"] == "pypi:repository-version" {
					declared = true
					if v := attrs["content"]; !strings.HasPrefix(v, "1.") {
						return nil, at, &VersionError{Got: v}
					}
				}
			case "a":
				if href, ok := attrs["href"]; ok {
					links = append(links, anchor(href, attrs))
				}
			}
		}
	}
}

// anchor reads one link's attributes.
func anchor(href string, attrs map[string]string) link {
	l := link{href: strings.TrimSpace(href), requiresPython: attrs["data-requires-python"]}
	if before, fragment, ok := strings.Cut(l.href, "#"); ok {
		l.href = before
		l.hashes = fragmentHashes(fragment)
	}
	l.yankedReason, l.yanked = attrs["data-yanked"]
	// PEP 714: the newer name counts where both are there.
	m, ok := attrs["data-core-metadata"]
	if !ok {
		m, ok = attrs["data-dist-info-metadata"]
	}
	if ok && m != "false" {
		l.metadata, l.metadataSums = true, fragmentHashes(m)
	}
	return l
}

// fragmentHashes reads "sha256=..." and what may stand beside it.
func fragmentHashes(fragment string) map[string]string {
	var out map[string]string
	for part := range strings.SplitSeq(fragment, "&") {
		if k, v, ok := strings.Cut(part, "="); ok && hashBytes[k] != 0 {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// hashBytes are the algorithms that indexes use, and the size of their sums.
var hashBytes = map[string]int{"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}

// sums checks hashes and takes the SHA-256 out. A wrong one is a reason.
func sums(hashes map[string]string) (sha256 digest.SHA256, others map[string]string, reason string) {
	for name, value := range hashes {
		n := hashBytes[name]
		value = strings.ToLower(value)
		if n == 0 {
			continue
		}
		if len(value) != 2*n || strings.Trim(value, "0123456789abcdef") != "" {
			return sha256, nil, "its " + name + " is " + quoted(value)
		}
		if name == "sha256" {
			var err error
			if sha256, err = digest.Parse(value); err != nil || sha256.IsZero() {
				return sha256, nil, "its sha256 is " + quoted(value)
			}
			continue
		}
		if others == nil {
			others = map[string]string{}
		}
		others[name] = value
	}
	return sha256, others, ""
}
