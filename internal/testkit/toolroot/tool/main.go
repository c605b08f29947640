// Command tool is the only program of test images: static, and a few programs in one.
//
// Its arguments are commands separated by ";". Each prints what it found on stdout; the first
// that fails ends the tool with exit code 1 and the reason on stderr.
package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	args := os.Args[1:]
	if base := filepath.Base(os.Args[0]); base != "tool" {
		if len(args) > 0 && args[0] == "-e" { // the first command that fails ends it anyway
			args = args[1:]
		}
		if len(args) > 1 && args[0] == "-c" {
			args = lines(args[1])
		}
	}
	switch base := filepath.Base(os.Args[0]); base {
	case "sh", "bash":
		if words, ok := script(args); ok {
			args = words
		}
	case "apt-get":
		args = append([]string{"apt-get"}, args...)
	}
	var one []string
	for _, a := range append(args, ";") {
		if a != ";" {
			one = append(one, a)
			continue
		}
		if len(one) > 0 {
			if err := run(one[0], one[1:]); err != nil {
				fmt.Fprintf(os.Stderr, "tool: %s: %v\n", strings.Join(one, " "), err)
				os.Exit(1)
			}
		}
		one = nil
	}
}

// script reads the file that a shell is given: a command a line, with variables.
func script(args []string) ([]string, bool) {
	if len(args) == 0 {
		return nil, false
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return nil, false
	}
	return lines(string(data)), true
}

// lines are the commands of a script.
func lines(text string) []string {
	var words []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			words = append(append(words, strings.Fields(os.ExpandEnv(strings.ReplaceAll(line, `"`, "")))...), ";")
		}
	}
	return words
}

// echo prints its arguments, behind > and >> into a file.
func echo(a []string) error {
	if n := len(a); n >= 2 && (a[n-2] == ">" || a[n-2] == ">>") {
		how := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
		if a[n-2] == ">>" {
			how = os.O_CREATE | os.O_WRONLY | os.O_APPEND
		}
		f, err := os.OpenFile(a[n-1], how, 0o644)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, strings.Join(a[:n-2], " "))
		return errors.Join(err, f.Close())
	}
	fmt.Println(strings.Join(a, " "))
	return nil
}

// aptGet leaves what apt-get leaves: files of packages, its notes of them, logs and caches.
func aptGet(args []string) error {
	var names []string
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-o":
			i++
		case !strings.HasPrefix(a, "-"):
			names = append(names, a)
		}
	}
	now := time.Now().Format(time.RFC3339Nano)
	files := map[string]string{"/var/log/apt/history.log": now, "/var/lib/dpkg/lock-frontend": "", "/var/cache/apt/pkgcache.bin": now, "/tmp/apt": now}
	switch names[0] {
	case "update":
		files["/var/lib/apt/lists/deb.example"] = now
	case "install":
		status := ""
		for _, n := range names[1:] {
			if n == "missing" {
				return errors.New("E: Unable to locate package missing") //nolint:staticcheck // apt-get says so
			}
			fmt.Println("Setting up", n)
			files["/usr/share/doc/"+n+"/copyright"] = n + "\n"
			status += "Package: " + n + "\n"
		}
		files["/var/lib/dpkg/status"], files["/var/lib/dpkg/status-old"] = status, now
	}
	for p, text := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

func run(name string, args []string) error {
	c, ok := commands[name]
	if !ok {
		return errors.New("no such command")
	}
	if len(args) < c.args {
		return fmt.Errorf("want %d arguments", c.args)
	}
	return c.do(args)
}

type command struct {
	args int
	do   func(args []string) error
}

var commands map[string]command

func init() { commands = table }

var table = map[string]command{
	"echo":  {0, echo},
	"cat":   {1, cat},
	"copy":  {0, func([]string) error { _, err := io.Copy(os.Stdout, os.Stdin); return err }},
	"read":  {1, func([]string) error { _, err := io.ReadFull(os.Stdin, make([]byte, 1)); return err }},
	"ls":    {1, ls},
	"write": {2, func(a []string) error { return os.WriteFile(a[0], []byte(a[1]), 0o644) }},
	"append": {2, func(a []string) error {
		f, err := os.OpenFile(a[0], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(a[1])
		return errors.Join(err, f.Close())
	}},
	"rm":      {1, func(a []string) error { _, err := os.Lstat(a[0]); return errors.Join(err, os.RemoveAll(a[0])) }},
	"mkdir":   {1, func(a []string) error { return os.MkdirAll(a[0], 0o755) }},
	"mv":      {2, move},
	"ln":      {2, func(a []string) error { return os.Link(a[0], a[1]) }},
	"symlink": {2, func(a []string) error { return os.Symlink(a[0], a[1]) }},
	"chmod":   {2, chmod},
	"chown":   {2, chown},
	"xattr":   {3, func(a []string) error { return syscall.Setxattr(a[0], a[1], []byte(a[2]), 0) }},
	"stat":    {1, stat},
	"id": {0, func([]string) error {
		groups, err := os.Getgroups()
		fmt.Println(os.Getuid(), os.Getgid(), groups)
		return err
	}},
	"pwd":      {0, func([]string) error { d, err := os.Getwd(); fmt.Println(d); return err }},
	"env":      {0, func([]string) error { fmt.Println(strings.Join(os.Environ(), "\n")); return nil }},
	"hostname": {0, func([]string) error { h, err := os.Hostname(); fmt.Println(h); return err }},
	"exit": {1, func(a []string) error {
		n, err := strconv.Atoi(a[0])
		if err == nil {
			os.Exit(n)
		}
		return err
	}},
	"sleep":      {1, func(a []string) error { d, err := time.ParseDuration(a[0]); time.Sleep(d); return err }},
	"spawn":      {1, spawn},
	"bomb":       {0, bomb},
	"fill":       {1, fill},
	"eat":        {1, eat},
	"mknod":      {1, func(a []string) error { return syscall.Mknod(a[0], syscall.S_IFCHR|0o666, 1<<8|3) }},
	"mount":      {1, func(a []string) error { return syscall.Mount("tmpfs", a[0], "tmpfs", 0, "") }},
	"umount":     {1, func(a []string) error { return syscall.Unmount(a[0], syscall.MNT_DETACH) }},
	"chroot":     {1, func(a []string) error { return syscall.Chroot(a[0]) }},
	"unshare":    {0, func([]string) error { return syscall.Unshare(syscall.CLONE_NEWNS) }},
	"userns":     {0, userns},
	"escape":     {0, escape},
	"signals":    {0, signals},
	"serve":      {1, serve},
	"listen":     {0, listen},
	"tty":        {0, tty},
	"lab":        {0, lab},
	"tree":       {1, tree},
	"beat":       {1, beat},
	"apt-get":    {1, aptGet},
	"capability": {0, func([]string) error { return statusLines("CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs") }},
}

func cat(args []string) error {
	for _, p := range args {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func ls(args []string) error {
	names, err := os.ReadDir(args[0])
	for _, n := range names {
		fmt.Println(n.Name())
	}
	return err
}

func move(a []string) error {
	err := os.Rename(a[0], a[1])
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	// A folder of a lower layer: as mv does.
	if err := os.CopyFS(a[1], os.DirFS(a[0])); err != nil {
		return err
	}
	return os.RemoveAll(a[0])
}

func chmod(a []string) error {
	m, err := strconv.ParseUint(a[0], 8, 32)
	return errors.Join(err, syscall.Chmod(a[1], uint32(m)))
}

func chown(a []string) error {
	u, g, _ := strings.Cut(a[0], ":")
	uid, err1 := strconv.Atoi(u)
	gid, err2 := strconv.Atoi(g)
	return errors.Join(err1, err2, os.Lchown(a[1], uid, gid))
}

func stat(args []string) error {
	for _, p := range args {
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		fmt.Printf("%s %o %d:%d %d\n", p, st.Mode, st.Uid, st.Gid, st.Size)
	}
	return nil
}

// spawn starts the tool once more, which outlives this one if it may.
func spawn(args []string) error {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// bomb forks until it is stopped, and says how far it came.
func bomb([]string) error {
	for n := 0; ; n++ {
		cmd := exec.Command("/proc/self/exe", "sleep", "1h")
		if err := cmd.Start(); err != nil {
			fmt.Println("stopped after", n)
			return nil
		}
	}
}

func fill(args []string) error {
	f, err := os.Create(args[0])
	if err != nil {
		return err
	}
	for b := make([]byte, 1<<20); ; {
		if _, err := f.Write(b); err != nil {
			return errors.Join(err, f.Close())
		}
	}
}

func eat(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var all [][]byte
	for range n {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	fmt.Println("ate", len(all))
	return nil
}

func userns([]string) error {
	cmd := exec.Command("/proc/self/exe", "id")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
	return cmd.Run()
}

// escape leaves a chroot in the way that works where nothing but chroot guards the root.
func escape([]string) error {
	if err := os.MkdirAll("/tmp/jail", 0o755); err != nil {
		return err
	}
	d, err := os.Open("/")
	if err != nil {
		return err
	}
	if err := syscall.Chroot("/tmp/jail"); err != nil {
		return err
	}
	if err := d.Chdir(); err != nil {
		return err
	}
	for range 100 {
		if err := os.Chdir(".."); err != nil {
			return err
		}
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return ls([]string{"/"})
}

// signals says which signal came.
func signals([]string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)
	fmt.Println("ready")
	fmt.Println(<-c)
	return nil
}

func serve(args []string) error {
	return http.ListenAndServe(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
	}))
}

func listen([]string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ifs, err := net.Interfaces()
	for _, i := range ifs {
		fmt.Println(i.Name, i.Flags&net.FlagUp != 0)
	}
	return errors.Join(err, l.Close())
}

func tty([]string) error {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, "terminal")
	return errors.Join(err, f.Close())
}

// tree prints all that is below the folders, but for what only a sandbox has.
func tree(args []string) error {
	for _, top := range args {
		err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch p {
			case "/dev", "/proc", "/sys", "/tmp", "/etc/hosts", "/etc/resolv.conf":
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			var st syscall.Stat_t
			if err := syscall.Lstat(p, &st); err != nil {
				return err
			}
			rest := ""
			switch st.Mode & syscall.S_IFMT {
			case syscall.S_IFLNK:
				rest, err = os.Readlink(p)
			case syscall.S_IFREG:
				var b []byte
				b, err = os.ReadFile(p)
				rest = fmt.Sprintf("%d names, %d bytes, %08x", st.Nlink, len(b), crc32.ChecksumIEEE(b))
			}
			fmt.Printf("%s %o %d:%d %s\n", p, st.Mode, st.Uid, st.Gid, rest)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// beat appends to a file for ever.
func beat(args []string) error {
	f, err := os.OpenFile(args[0], os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	for {
		if _, err := f.WriteString("."); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// lab answers as JupyterLab does when it is asked whether it is there, to who has the token.
func lab(args []string) error {
	addr, port := "", ""
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "--ip="); ok {
			addr = v
		}
		if v, ok := strings.CutPrefix(a, "--port="); ok {
			port = v
		}
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() { <-c; fmt.Fprintln(os.Stderr, "ended in peace"); os.Exit(0) }()
	home, err := os.ReadDir(os.Getenv("HOME"))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "files at home:", len(home), "user:", os.Getuid(), "token:", os.Getenv("JUPYTER_TOKEN") != "")
	return serve([]string{net.JoinHostPort(addr, port)})
}

func statusLines(fields ...string) error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		name, _, _ := strings.Cut(line, ":")
		for _, f := range fields {
			if f == name {
				fmt.Print(line)
			}
		}
	}
	return nil
}
