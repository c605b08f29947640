package repodata

import (
	"bytes"
	"strconv"
)

// readJSON decodes one record of repodata.json. It allocates for texts with escapes only.
func (e *entry) readJSON(b []byte) error {
	c := &cursor{b: b}
	return c.members(func(key []byte) error { return e.readField(c, key) })
}

func (e *entry) readField(c *cursor, key []byte) (err error) {
	switch string(key) { // the compiler makes this a search without allocation
	case "name":
		e.name, err = c.text()
	case "version":
		e.version, err = c.text()
	case "build", "build_string":
		e.build, err = c.text()
	case "build_number":
		var f float64
		f, err = c.number()
		e.buildNumber = int64(f)
	case "depends":
		e.depends, err = c.texts(e.depends[:0])
	case "constrains":
		e.constrains, err = c.texts(e.constrains[:0])
	case "track_features":
		e.trackFeatures, err = c.words(e.trackFeatures[:0])
	case "features":
		e.features, err = c.words(e.features[:0])
	case "flags":
		e.flags, err = c.texts(e.flags[:0])
	case "md5":
		var s []byte
		s, err = c.text()
		sumFrom(e.md5[:], s)
	case "sha256":
		var s []byte
		s, err = c.text()
		sumFrom(e.sha256[:], s)
	case "size":
		var f float64
		f, err = c.number()
		e.sizeBytes = max(0, int64(f))
	case "timestamp":
		var f float64
		f, err = c.number()
		e.timestampMillis = millis(f)
	case "noarch":
		var s []byte
		s, err = c.text()
		e.noarch = noarchOf(s)
	case "license":
		e.license, err = c.text()
	case "license_family":
		e.licenseFamily, err = c.text()
	case "python_site_packages_path":
		e.sitePackagesPath, err = c.text()
	case "record_version":
		var f float64
		f, err = c.number()
		e.recordVersion = int64(f)
	case "extra_depends", "extra-depends": // the CEPs write both
		err = e.readExtras(c)
	default:
		_, err = c.value()
	}
	return err
}

func (e *entry) readExtras(c *cursor) error {
	e.extras = e.extras[:0]
	if c.peek() != '{' {
		_, err := c.value()
		return err
	}
	return c.members(func(key []byte) error {
		list, err := c.texts(nil)
		e.extras = append(e.extras, extra{name: key, depends: list})
		return err
	})
}

// text reads a string, or the digits of a number or the word of a boolean as they stand. null,
// arrays and objects are no text.
func (c *cursor) text() ([]byte, error) {
	switch c.peek() {
	case '"':
		return c.str()
	case '{', '[':
		_, err := c.value()
		return nil, err
	}
	s, err := c.value()
	if err != nil || bytes.Equal(s, []byte("null")) || bytes.Equal(s, []byte("false")) {
		return nil, err
	}
	return s, nil
}

// number reads a number, also one in quotes; anything else is 0. Sizes and timestamps
// fit a float64 exactly.
func (c *cursor) number() (float64, error) {
	s, err := c.text()
	if err != nil || len(s) == 0 {
		return 0, err
	}
	if len(s) < 16 { // the usual case, without a string
		n, ok := int64(0), true
		for _, d := range s {
			ok = ok && d >= '0' && d <= '9'
			n = n*10 + int64(d-'0')
		}
		if ok {
			return float64(n), nil
		}
	}
	f, _ := strconv.ParseFloat(string(s), 64)
	return sane(f), nil
}

// sane turns what no count or time can be into 0.
func sane(f float64) float64 {
	if f > 1<<53 || f < -(1<<53) || f != f {
		return 0
	}
	return f
}

// texts reads an array of strings. Of what else may stand there, null is an empty one and a
// single string an array of one.
func (c *cursor) texts(list [][]byte) ([][]byte, error) {
	switch c.peek() {
	case '[':
	case '"':
		s, err := c.str()
		return append(list, s), err
	default:
		_, err := c.value()
		return list, err
	}
	err := c.elements(func() error {
		s, err := c.text()
		if err == nil && len(s) > 0 {
			list = append(list, s)
		}
		return err
	})
	return list, err
}

// words reads features: a text of words parted by spaces or commas, or an array.
func (c *cursor) words(list [][]byte) ([][]byte, error) {
	if c.peek() != '"' {
		list, err := c.texts(list)
		for i, w := range list {
			list[i] = bytes.TrimSpace(w)
		}
		return list, err
	}
	s, err := c.str()
	if err != nil {
		return list, err
	}
	return appendWords(list, s), nil
}

func appendWords(list [][]byte, s []byte) [][]byte {
	for w := range bytes.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == ',' }) {
		list = append(list, w)
	}
	return list
}
