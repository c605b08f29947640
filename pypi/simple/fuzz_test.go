package simple

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever a page says, its files have names that are one segment and URLs that lead somewhere,
// and survive the cache.
func FuzzPage(f *testing.F) {
	f.Add("text/html", `<base href="x/"><a href="a-1.0-py3-none-any.whl#sha256=00" data-yanked data-requires-python="&gt;=3">a</a>`)
	f.Add("application/json", `{"meta":{"api-version":"1.1"},"name":"a","files":[{"filename":"a-1.tar.gz","url":"x","hashes":{"md5":"z"},"yanked":"r","core-metadata":{"sha256":"q"},"size":3,"upload-time":"2024-01-02T03:04:05.123456Z"}]}`)
	f.Fuzz(func(t *testing.T, kind, body string) {
		for _, project := range []string{"a", ""} {
			files, _, err := parsePage([]byte(body), kind, "https://h/simple/a/", project)
			if err != nil {
				continue
			}
			for i := range files {
				file := &files[i]
				u, err := url.Parse(file.URL)
				if err != nil || u.User != nil || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
					t.Errorf("URL %q: %v", file.URL, err)
				}
				if strings.ContainsAny(file.Name, "/\\\n\t\x00") || file.Name == ".." || project != "" && file.Project != project {
					t.Errorf("file %+v", file)
				}
				if file.Kind == Wheel {
					file.WheelName()
				}
				line := string(file.append(nil))
				again, ok := parseStored(strings.TrimSuffix(line, "\n"))
				if diff := cmp.Diff(*file, again); !ok || diff != "" {
					t.Errorf("%q (-want +got):\n%s", line, diff)
				}
			}
		}
	})
}
