package transport

import (
	"bufio"
	"errors"
	"slices"
	"strings"
)

// ParseNetrc reads the format of ftp(1): words, and a macro up to an empty line. The entry
// "default" is not used: it would show a password to every host there is.
func ParseNetrc(b []byte) (Credentials, error) {
	var cs Credentials
	var c *Credential
	sc := bufio.NewScanner(strings.NewReader(string(b)))
	inMacro := false
	var words []string
	for sc.Scan() {
		line := sc.Text()
		if inMacro {
			inMacro = strings.TrimSpace(line) != ""
			continue
		}
		for w := range strings.FieldsSeq(line) {
			if strings.HasPrefix(w, "#") && (len(words) == 0 || words[len(words)-1] != "password") {
				break // a comment; a password may start with the sign
			}
			words = append(words, w)
			if w == "macdef" && (len(words) < 2 || !slices.Contains([]string{"login", "password", "machine", "account"}, words[len(words)-2])) {
				inMacro = true
				words = words[:len(words)-1]
				break
			}
		}
	}
	if err := sc.Err(); err != nil {
		return nil, errors.New("a line is too long")
	}
	for i := 0; i < len(words); i++ {
		next := func() string {
			if i++; i < len(words) {
				return words[i]
			}
			return ""
		}
		switch words[i] {
		case "machine":
			cs = append(cs, Credential{Host: next(), Plain: true})
			c = &cs[len(cs)-1]
		case "default":
			c = nil
		case "login":
			if v := next(); c != nil {
				c.User = v
			}
		case "password":
			if v := next(); c != nil {
				c.Password = v
			}
		case "account":
			next()
		}
	}
	return slices.DeleteFunc(cs, func(c Credential) bool { return c.Host == "" || c.User == "" && c.Password == "" }), nil
}
