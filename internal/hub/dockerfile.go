package hub

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// isDockerfile tells by its name: Dockerfile, Dockerfile.gpu, gpu.Dockerfile, Containerfile.
func isDockerfile(name string) bool {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, "\\", "/")))
	for _, word := range []string{"dockerfile", "containerfile"} {
		if strings.HasPrefix(base, word+".") || strings.HasSuffix(base, word) {
			return true
		}
	}
	return false
}

var (
	fromLine = regexp.MustCompile(`(?i)^[ \t]*FROM[ \t]+(?:--[a-z]+=[^ \t]+[ \t]+)*([^ \t\r\n\\]+)(?:[ \t]+AS[ \t]+([^ \t\r\n]+))?[ \t]*\r?\n?$`)
	hereDoc  = regexp.MustCompile(`<<-?["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)
)

// A fromImage is the image that a FROM names.
type fromImage struct {
	ref   Ref
	raw   string // as written; has $ where it is not known
	line  int
	start int // offset
}

// readDockerfile lists the images of FROM lines, stages of the file itself left out.
//
// A FROM that goes over several lines, which nobody writes, is not found.
func readDockerfile(name string, data []byte) ([]fromImage, error) {
	if len(data) > maxFileBytes || bytes.IndexByte(data, 0) >= 0 {
		return nil, &FileError{File: name, Reason: "not a Dockerfile: it is no text, or larger than 16 MiB"}
	}
	var out []fromImage
	stages := map[string]bool{}
	offset, line, inside := 0, 0, ""
	continued := false
	for text := range bytes.Lines(data) {
		at := offset
		line++
		offset += len(text)
		trimmed := strings.TrimSpace(string(text))
		if inside != "" { // a here document ends with its word
			if strings.TrimLeft(trimmed, "\t") == inside {
				inside = ""
			}
			continue
		}
		if strings.HasPrefix(trimmed, "#") {
			continue // also between the lines of one instruction
		}
		was := continued
		continued = strings.HasSuffix(trimmed, `\`)
		if was {
			continue
		}
		if m := hereDoc.FindStringSubmatch(trimmed); m != nil && regexp.MustCompile(`(?i)^(RUN|COPY|ADD)\s`).MatchString(trimmed) {
			inside = m[1]
		}
		m := fromLine.FindSubmatchIndex(text)
		if m == nil {
			continue
		}
		from := fromImage{raw: string(text[m[2]:m[3]]), line: line, start: at + m[2]}
		stage := stages[strings.ToLower(from.raw)]
		if m[4] >= 0 {
			stages[strings.ToLower(string(text[m[4]:m[5]]))] = true
		}
		if stage || from.raw == "scratch" {
			continue
		}
		from.ref, _ = ParseRef(from.raw) // one with a variable is listed, and left
		out = append(out, from)
	}
	if line > 0 && len(out) == 0 {
		return nil, &FileError{File: name, Reason: "a Dockerfile without a FROM that names an image"}
	}
	return out, nil
}
