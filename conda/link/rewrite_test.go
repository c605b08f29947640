package link

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/nasa-openscapes/corn/artifact"
)

// use makes facts of a file by plain search, as conda/archive does while it streams.
func use(data, placeholder string, mode artifact.PrefixMode) *artifact.PrefixUse {
	u := &artifact.PrefixUse{Placeholder: placeholder, Mode: mode}
	for i := 0; placeholder != ""; {
		j := strings.Index(data[i:], placeholder)
		if j < 0 {
			break
		}
		u.Offsets = append(u.Offsets, int64(i+j))
		i += j + len(placeholder)
	}
	if line, _, _ := strings.Cut(data, "\n"); mode == artifact.Text && strings.HasPrefix(data, "#!") {
		u.Shebang = line[:min(len(line), artifact.MaxShebangBytes)]
	}
	return u
}

func rewrite(t testing.TB, data, placeholder string, mode artifact.PrefixMode, prefix string) string {
	t.Helper()
	u := use(data, placeholder, mode)
	var b bytes.Buffer
	if err := Rewrite(&b, strings.NewReader(data), u, prefix, int64(len(data))); err != nil {
		t.Fatalf("Rewrite(%q, %q to %q): %v", data, placeholder, prefix, err)
	}
	size, err := RewrittenSize(u, prefix, int64(len(data)))
	if err != nil {
		t.Fatalf("RewrittenSize(%q): %v", data, err)
	}
	if size != int64(b.Len()) {
		t.Errorf("RewrittenSize(%q, %q to %q) = %d, Rewrite wrote %d", data, placeholder, prefix, size, b.Len())
	}
	return b.String()
}

const ph = "/opt/anaconda1anaconda2anaconda3"

func TestRewriteText(t *testing.T) {
	long := "/srv/" + strings.Repeat("x", 140)
	for _, tt := range []struct{ why, in, prefix, want string }{
		{"none", "plain\n", "/p", "plain\n"},
		{"one, shorter", "a " + ph + "/b\n", "/p", "a /p/b\n"},
		{"one, longer", "a " + ph + "/b\n", long, "a " + long + "/b\n"},
		{"several in a line, at start and end", ph + ":" + ph + "\n" + ph, "/p", "/p:/p\n/p"},
		{"UTF-8 around it, and in the prefix", "Grüße " + ph + " – ü", "/härz", "Grüße /härz – ü"},
		{"bytes that are no UTF-8", "\xff\xfe" + ph + "\xff", "/p", "\xff\xfe/p\xff"},
		{"carriage returns stay", "#!" + ph + "/bin/sh\r\nx\r\n", "/p", "#!/p/bin/sh\r\nx\r\n"},
		{"shebang that fits", "#!" + ph + "/bin/python -u\nimport x\n", "/p", "#!/p/bin/python -u\nimport x\n"},
		{"shebang too long", "#!" + ph + "/bin/python3.11 -u\n" + ph + "\n", long, "#!/usr/bin/env python3.11 -u\n" + long + "\n"},
		{"shebang too long, blanks, prefix twice in it", "#!  " + ph + "/bin/x " + ph + "/y\n", long, "#!/usr/bin/env x " + long + "/y\n"},
		{"shebang too long without a newline", "#!" + ph + "/bin/x", long, "#!/usr/bin/env x"},
		{"shebang too long, escaped blank belongs to the path", "#!" + ph + `/my\ bin/x -a` + "\n", long, "#!/usr/bin/env x -a\n"},
		{"shebang too long with a carriage return: kept", "#!" + ph + "/bin/x\r\n", long, "#!" + long + "/bin/x\r\n"},
		{"shebang too long, no absolute path: kept", "#!python " + ph + "\n", long, "#!python " + long + "\n"},
		{"a blank in the prefix", "#!" + ph + "/bin/x -o\n" + ph, "/my env", "#!/usr/bin/env x -o\n/my env"},
		{"a blank in the prefix, placeholder only in options", "#!/bin/sh " + ph + "\n", "/my env", "#!/bin/sh /my env\n"},
		{"second line is no shebang", "x\n#!" + ph + "/bin/x\n", long, "x\n#!" + long + "/bin/x\n"},
		{"replaced text is not looked at again", ph + ph, ph + "/" + ph, ph + "/" + ph + ph + "/" + ph},
		{"empty file", "", "/p", ""},
	} {
		if got := rewrite(t, tt.in, ph, artifact.Text, tt.prefix); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, tt.want)
		}
	}
}

// A line of 127 bytes is the longest that stays.
func TestRewriteShebangLimit(t *testing.T) {
	for n, want := range map[int]bool{126: false, 127: false, 128: true, 129: true} {
		prefix := "/" + strings.Repeat("p", n-len("#!//x"))
		in := "#!" + ph + "/x\n"
		got := rewrite(t, in, ph, artifact.Text, prefix)
		if env := strings.HasPrefix(got, "#!/usr/bin/env x\n"); env != want {
			t.Errorf("line of %d bytes: env form is %v, want %v", n, env, want)
		}
	}
	// More than facts keep: the end of the line is not known, and no kernel runs it.
	in := "#!" + ph + "/x " + strings.Repeat("y", 5000) + "\n"
	if got, want := rewrite(t, in, ph, artifact.Text, "/p"), strings.Replace(in, ph, "/p", 1); got != want {
		t.Errorf("line of 5000 bytes: got %.40q, want %.40q", got, want)
	}
}

func TestRewriteBinary(t *testing.T) {
	pad := func(prefix string, n int) string { return strings.Repeat("\x00", n*(len(ph)-len(prefix))) }
	for _, tt := range []struct{ why, in, prefix, want string }{
		{"one C string", "\x7fELF" + ph + "/lib\x00tail", "/p", "\x7fELF/p/lib" + pad("/p", 1) + "\x00tail"},
		{"two in one C string", ph + "/a:" + ph + "/b\x00tail", "/p", "/p/a:/p/b" + pad("/p", 2) + "\x00tail"},
		{"two C strings", ph + "/a\x00" + ph + "/b\x00tail", "/p", "/p/a" + pad("/p", 1) + "\x00/p/b" + pad("/p", 1) + "\x00tail"},
		{"cut off by the end", "x" + ph + "/a", "/p", "x/p/a" + pad("/p", 1)},
		{"same length", ph + "/a\x00", ph, ph + "/a\x00"},
		{"UTF-8", "é" + ph + "/ü\x00ß", "/ö", "é/ö/ü" + pad("/ö", 1) + "\x00ß"},
		{"a newline does not end a C string", ph + "\n" + ph + "\n\x00", "/p", "/p\n/p\n" + pad("/p", 2) + "\x00"},
		{"no shebang rule in binaries", "#!" + ph + strings.Repeat("x", 200) + "\x00", "/p", "#!/p" + strings.Repeat("x", 200) + pad("/p", 1) + "\x00"},
		{"NUL right behind", ph + "\x00\x00\x00", "/p", "/p" + pad("/p", 1) + "\x00\x00\x00"},
	} {
		if got := rewrite(t, tt.in, ph, artifact.Binary, tt.prefix); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, tt.want)
		}
	}
}

func TestRewriteBinaryTooLong(t *testing.T) {
	var wrote bytes.Buffer
	in := "abc" + ph + "\x00"
	err := Rewrite(&wrote, strings.NewReader(in), use(in, ph, artifact.Binary), ph+"x", int64(len(in)))
	var long *PrefixTooLongError
	if !errors.As(err, &long) || long.PlaceholderBytes != len(ph) {
		t.Fatalf("Rewrite with a prefix one byte too long: %v, want a *PrefixTooLongError for %d bytes", err, len(ph))
	}
	if wrote.Len() > 0 {
		t.Errorf("%d bytes were written before the error", wrote.Len())
	}
	// Nothing to replace, nothing to refuse.
	if got := rewrite(t, "abc", ph, artifact.Binary, ph+"x"); got != "abc" {
		t.Errorf("file without placeholder: got %q", got)
	}
}

func TestRewriteChecksFacts(t *testing.T) {
	data := "#!" + ph + "/bin/x\n" + ph + "\n"
	good := use(data, ph, artifact.Text)
	long := "/" + strings.Repeat("l", 200)
	for _, tt := range []struct {
		why  string
		data string
		size int64
		edit func(*artifact.PrefixUse)
	}{
		{"placeholder is elsewhere", data, 0, func(u *artifact.PrefixUse) { u.Offsets[1]++ }},
		{"offset behind the end", data, 0, func(u *artifact.PrefixUse) { u.Offsets[1] = 4000 }},
		{"negative offset", data, 0, func(u *artifact.PrefixUse) { u.Offsets[0] = -1 }},
		{"offsets descend", data, 0, func(u *artifact.PrefixUse) { u.Offsets[0], u.Offsets[1] = u.Offsets[1], u.Offsets[0] }},
		{"an offset twice", data, 0, func(u *artifact.PrefixUse) { u.Offsets = []int64{2, 2} }},
		{"another first line", data, 0, func(u *artifact.PrefixUse) { u.Shebang = "#!" + ph + "/bin/y" }},
		{"short file", data[:len(data)-1], int64(len(data)), func(*artifact.PrefixUse) {}},
		{"cut inside the placeholder", data[:len(data)-5], int64(len(data)), func(*artifact.PrefixUse) {}},
		{"longer file", data + "x", int64(len(data)), func(*artifact.PrefixUse) {}},
		{"empty file", "", int64(len(data)), func(*artifact.PrefixUse) {}},
	} {
		u := *good
		u.Offsets = append([]int64(nil), good.Offsets...)
		tt.edit(&u)
		size := tt.size
		if size == 0 {
			size = int64(len(tt.data))
		}
		err := Rewrite(io.Discard, strings.NewReader(tt.data), &u, long, size)
		var re *RewriteError
		if !errors.As(err, &re) {
			t.Errorf("%s: %v, want a *RewriteError", tt.why, err)
		}
	}
	for _, bad := range []*artifact.PrefixUse{
		{Placeholder: "a\nb", Mode: artifact.Text},
		{Placeholder: "a\x00", Mode: artifact.Binary},
		{Placeholder: "", Mode: artifact.Text, Offsets: []int64{0}},
	} {
		if err := Rewrite(io.Discard, strings.NewReader("x"), bad, "/p", 1); err == nil {
			t.Errorf("placeholder %q was taken", bad.Placeholder)
		}
	}
}

// plainRewrite is the whole-file way, as the peers do it.
func plainRewrite(data, placeholder string, mode artifact.PrefixMode, prefix string) string {
	if mode == artifact.Text {
		out := strings.ReplaceAll(data, placeholder, prefix)
		if strings.HasPrefix(out, "#!") {
			line, rest, nl := strings.Cut(out, "\n")
			if len(line) > maxShebang {
				line, _ = envForm(line)
			}
			if out = line; nl {
				out += "\n" + rest
			}
		}
		return out
	}
	for pos := 0; ; {
		i := strings.Index(data[pos:], placeholder)
		if i < 0 {
			return data
		}
		i += pos
		end := i + len(placeholder)
		for end < len(data) && data[end] != 0 {
			end++
		}
		suffix := data[i+len(placeholder) : end]
		data = data[:i] + prefix + suffix + strings.Repeat("\x00", len(placeholder)-len(prefix)) + data[end:]
		pos = i + len(prefix)
	}
}

// Streaming equals the whole-file way, however the reader cuts the stream.
func TestRewriteEquivalence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const placeholder = "/abab"
		prefix := "/" + rapid.StringOfN(rapid.RuneFrom([]rune("abq")), 0, 4, -1).Draw(t, "prefix")
		mode := rapid.SampledFrom([]artifact.PrefixMode{artifact.Text, artifact.Binary}).Draw(t, "mode")
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			placeholder, "/ab", "ab", "x", "\x00", "\n", "#!/", "#!" + placeholder, " ", strings.Repeat("y", 130), "ü",
		}), 0, 30).Draw(t, "parts")
		data := strings.Join(parts, "")
		want := plainRewrite(data, placeholder, mode, prefix)
		u := use(data, placeholder, mode)
		var b bytes.Buffer
		src := io.Reader(strings.NewReader(data))
		if rapid.Bool().Draw(t, "small reads") {
			src = iotest.OneByteReader(src)
		}
		if err := Rewrite(&b, src, u, prefix, int64(len(data))); err != nil {
			t.Fatalf("Rewrite(%q): %v", data, err)
		}
		if b.String() != want {
			t.Fatalf("Rewrite(%q, to %q, %s)\n got %q\nwant %q", data, prefix, mode, b.String(), want)
		}
		if n, err := RewrittenSize(u, prefix, int64(len(data))); err != nil || n != int64(len(want)) {
			t.Fatalf("RewrittenSize(%q) = %d, %v, want %d", data, n, err, len(want))
		}
	})
}

// zeroPattern is an endless stream without a placeholder.
type zeroPattern struct{}

func (zeroPattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestRewriteMemory(t *testing.T) {
	const size = 64 << 20
	src := io.MultiReader(strings.NewReader(ph), io.LimitReader(zeroPattern{}, size-int64(len(ph))))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Rewrite(io.Discard, src, &artifact.PrefixUse{Placeholder: ph, Mode: artifact.Binary, Offsets: []int64{0}}, "/p", size)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("64 MiB took %d bytes of memory, want less than 1 MiB", got)
	}
}

// A write error is returned as it is, and nothing is written after it.
func TestRewriteWriteError(t *testing.T) {
	data := "a" + ph + "b\x00c"
	want := errors.New("disk full")
	for n := range 4 {
		w := &failing{after: n, err: want}
		err := Rewrite(w, strings.NewReader(data), use(data, ph, artifact.Binary), "/p", int64(len(data)))
		if !errors.Is(err, want) {
			t.Errorf("after %d writes: %v, want %v", n, err, want)
		}
	}
}

type failing struct {
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func FuzzRewrite(f *testing.F) {
	f.Add([]byte("#!"+ph+"/bin/x\n"), int64(2), int64(9), true, "#!x")
	f.Add([]byte(ph+"\x00"), int64(0), int64(40), false, "")
	f.Fuzz(func(t *testing.T, data []byte, a, b int64, text bool, shebang string) {
		u := &artifact.PrefixUse{Placeholder: "/opt/x", Mode: artifact.Binary, Offsets: []int64{a, b}, Shebang: shebang}
		if text {
			u.Mode = artifact.Text
		}
		var out bytes.Buffer
		err := Rewrite(&out, bytes.NewReader(data), u, "/p", int64(len(data)))
		if err != nil {
			return
		}
		if n, err := RewrittenSize(u, "/p", int64(len(data))); err != nil || n != int64(out.Len()) {
			t.Errorf("RewrittenSize = %d, %v; Rewrite wrote %d", n, err, out.Len())
		}
	})
}

func BenchmarkRewriteBinary(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 8<<20)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	u := &artifact.PrefixUse{Placeholder: ph, Mode: artifact.Binary}
	for off := 4096; off+len(ph) < len(data); off += 1 << 20 {
		copy(data[off:], ph)
		u.Offsets = append(u.Offsets, int64(off))
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Rewrite(io.Discard, bytes.NewReader(data), u, "/srv/conda/envs/a", int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}
