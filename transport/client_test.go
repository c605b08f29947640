package transport

import (
	"net/http"
	"testing"
)

func FuzzNetrc(f *testing.F) {
	f.Add([]byte("machine h login l password p\nmacdef x\nfoo\n\ndefault login a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cs, err := ParseNetrc(b)
		for _, c := range cs {
			if err == nil && c.Host == "" {
				t.Errorf("a credential for no host in %q", b)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]string{"": "0s", "3": "3s", "-1": "0s", "x": "0s", "99999": "2m0s", "Wed, 21 Oct 2015 07:28:10 GMT": "10s", "Wed, 21 Oct 2015 07:27:00 GMT": "0s"} {
		res := &http.Response{Header: http.Header{"Retry-After": {in}, "Date": {"Wed, 21 Oct 2015 07:28:00 GMT"}}}
		if got := retryAfter(res).String(); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestFreshSeconds(t *testing.T) {
	for in, want := range map[string]int64{"": 0, "max-age=30": 30, "public, Max-Age=\"60\"": 60, "no-cache, max-age=9": 0, "max-age=9, no-store": 0, "max-age=x": 0, "max-age=999999999": 86400} {
		if got := FreshSeconds(http.Header{"Cache-Control": {in}}); got != want {
			t.Errorf("FreshSeconds(%q) = %d, want %d", in, got, want)
		}
	}
	if got := FreshSeconds(http.Header{"Cache-Control": {"max-age=30"}, "Age": {"12"}}); got != 18 {
		t.Errorf("with Age: %d, want 18", got)
	}
}

func TestNoProxy(t *testing.T) {
	get := func(string) string { return "a.example, .b.example,*.c.example" }
	for host, want := range map[string]bool{"a.example": true, "x.a.example": true, "ba.example": false, "b.example": true, "y.c.example": true, "d.example": false, "localhost": true, "127.0.0.2": true} {
		if got := noProxy(host, get); got != want {
			t.Errorf("noProxy(%q) = %v, want %v", host, got, want)
		}
	}
	if !noProxy("any", func(string) string { return "*" }) {
		t.Error(`NO_PROXY "*" lets a proxy be used`)
	}
}
