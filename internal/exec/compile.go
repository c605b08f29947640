package exec

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	osexec "os/exec"
	"strings"
	"sync"
	"time"
)

//go:embed driver.py
var driver string

// A Job asks for the bytecode of one source file.
type Job struct {
	Source    string // file on this machine
	Display   string // path that tracebacks name until Python corrects it at import
	Out       string // file to write
	ModTime   uint32 // what the .pyc header says of the source: its time in the image
	SizeBytes uint32 // and its size, modulo 2^32
}

// An Outcome tells how one Job went. A source that does not compile (written for another
// Python, or broken on purpose in a test suite) is no error: there is no .pyc then.
type Outcome struct {
	OK     bool
	Reason string // the compiler's message when not OK
}

// A CompileError reports that the interpreter itself could not do its work.
type CompileError struct {
	Python string // the interpreter's artifact, "python-3.13.5-h1_0.conda"
	Reason string
	Err    error
}

func (e *CompileError) Error() string {
	msg := "compile with the interpreter of " + e.Python + ": " + e.Reason
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *CompileError) Unwrap() error { return e.Err }

// A Compiler compiles with one interpreter, in as many processes as are used at once.
// It is safe for concurrent use. Close ends the processes.
type Compiler struct {
	interp *Interpreter
	mu     sync.Mutex
	idle   []*process
	closed bool
}

// NewCompiler returns a compiler for an interpreter; nothing is started yet.
func NewCompiler(i *Interpreter) *Compiler { return &Compiler{interp: i} }

// Compile compiles the jobs of one artifact, in order, in a state of the interpreter that
// no earlier call has touched. Outcomes are in the order of jobs. An error means that
// the interpreter failed, not a source.
func (c *Compiler) Compile(ctx context.Context, jobs []Job) ([]Outcome, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	p, err := c.take()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, p.kill)
	err = p.ready(c.interp)
	var outcomes []Outcome
	if err == nil {
		outcomes, err = p.serve(jobs)
	}
	if !stop() { // the context ended first and the process is gone
		p.close()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		p.close()
		if ce, ok := errors.AsType[*CompileError](err); ok {
			return nil, ce
		}
		return nil, &CompileError{Python: c.interp.Name, Reason: p.describe(), Err: err}
	}
	c.give(p)
	return outcomes, nil
}

// take returns an idle process, or a new one that may not have begun yet.
func (c *Compiler) take() (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("compiler is closed")
	}
	if n := len(c.idle); n > 0 {
		p := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return p, nil
	}
	return start(c.interp)
}

func (c *Compiler) give(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		p.close()
		return
	}
	c.idle = append(c.idle, p)
}

// Close ends all processes.
func (c *Compiler) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, p := range c.idle {
		p.close()
	}
	c.idle = nil
	return nil
}

// A process is one running driver. Its methods are for one goroutine, but for kill.
type process struct {
	cmd    *osexec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
	hello  bool // it has said who it is

	mu   sync.Mutex
	gone bool // its number may be another process's by now
}

// waitDelay bounds how long the end of a killed process is waited for where something that it
// started still has its pipes.
const waitDelay = 5 * time.Second

func start(i *Interpreter) (*process, error) {
	argv := i.command("-S", "-s", "-B", "-W", "ignore", "-c", driver)
	p := &process{cmd: osexec.Command(argv[0], argv[1:]...), stderr: &tail{}} //nolint:noctx // it outlives the call that starts it; Compile kills it when the call's context ends
	// PYTHONHASHSEED orders sets of names; -E and -I would make Python ignore it, so the
	// environment is made empty instead.
	p.cmd.Env = []string{"PYTHONHASHSEED=0", "PYTHONHOME=" + i.Home, "LC_ALL=C.UTF-8", "TZ=UTC"}
	p.cmd.Dir = i.Home
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = waitDelay
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := startWithoutASLR(p.cmd); err != nil {
		return nil, &CompileError{Python: i.Name, Reason: "it does not start on this machine", Err: err}
	}
	return p, nil
}

// ready reads what a new process says of itself.
func (p *process) ready(i *Interpreter) error {
	if p.hello {
		return nil
	}
	hello, err := p.out.ReadString('\n')
	var magic uint16
	var version string
	if err == nil {
		_, err = fmt.Sscanf(hello, "corn %d %s", &magic, &version)
	}
	if err != nil {
		return &CompileError{Python: i.Name, Reason: "it does not run on this machine: " + p.describe(), Err: err}
	}
	if i.Magic != 0 && magic != i.Magic {
		return &CompileError{Python: i.Name, Reason: fmt.Sprintf("Python %s writes bytecode with magic number %d, want %d", version, magic, i.Magic)}
	}
	p.hello = true
	return nil
}

func (p *process) serve(jobs []Job) ([]Outcome, error) {
	var body bytes.Buffer
	for _, j := range jobs {
		for _, f := range []string{j.Source, j.Display, j.Out, fmt.Sprint(j.ModTime), fmt.Sprint(j.SizeBytes)} {
			if strings.ContainsRune(f, 0) {
				return nil, fmt.Errorf("path %q holds a NUL byte", f)
			}
			body.WriteString(f)
			body.WriteByte(0)
		}
	}
	if _, err := fmt.Fprintf(p.in, "%d\n", body.Len()); err != nil {
		return nil, err
	}
	if _, err := body.WriteTo(p.in); err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, 0, len(jobs))
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("answer %d of %d: %w", len(outcomes)+1, len(jobs), err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "ok":
			outcomes = append(outcomes, Outcome{OK: true})
		case "no":
			outcomes = append(outcomes, Outcome{Reason: rest})
		case "end":
			if rest != "0" || len(outcomes) != len(jobs) {
				return nil, fmt.Errorf("the compiling process ended with status %s after %d of %d files (%s)", rest, len(outcomes), len(jobs), jobs[min(len(outcomes), len(jobs)-1)].Display)
			}
			return outcomes, nil
		default:
			return nil, fmt.Errorf("unexpected answer %q", line)
		}
	}
}

// kill ends the process and the fork that compiles. It may be called at any time.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		killAll(p.cmd.Process)
	}
}

func (p *process) close() {
	p.mu.Lock()
	was := p.gone
	if !was {
		killAll(p.cmd.Process)
	}
	p.gone = true
	p.mu.Unlock()
	if was {
		return
	}
	_ = p.in.Close()
	_ = p.cmd.Wait() // killed on purpose
}

func (p *process) describe() string {
	p.close() // so that stderr is complete
	if s := strings.TrimSpace(p.stderr.String()); s != "" {
		return s
	}
	return "it says nothing"
}

// A tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if len(t.buf) > tailBytes {
		t.buf = t.buf[len(t.buf)-tailBytes:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
