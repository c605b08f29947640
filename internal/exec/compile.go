package exec

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"encoding/binary"
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
	Source      io.Reader // of SourceBytes bytes
	SourceBytes int64
	Display     string // path that tracebacks name until Python corrects it at import
	ModTime     uint32 // what the .pyc header says of the source: its time in the image
	SizeBytes   uint32 // and its size, modulo 2^32
}

// An Outcome tells how one Job went. A source that does not compile (written for another
// Python, or broken on purpose in a test suite) is no error: there is no .pyc then.
type Outcome struct {
	Bytecode []byte // the .pyc with its header; nil if there is none
	Reason   string // the compiler's message if there is none
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
// no earlier call has touched, and hands each outcome to done, in the order of jobs, from
// one goroutine. An error is done's, the context's, that of reading a source, or a
// *CompileError: the interpreter failed, not a source.
func (c *Compiler) Compile(ctx context.Context, jobs []Job, done func(i int, o Outcome) error) error {
	if len(jobs) == 0 {
		return nil
	}
	p, err := c.take()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, p.kill)
	if err = p.ready(c.interp); err == nil {
		err = p.serve(jobs, done)
	}
	if !stop() { // the context ended first and the process is gone
		p.close()
		return context.Cause(ctx)
	}
	if err != nil {
		p.close()
		if own, ok := errors.AsType[*callerError](err); ok {
			return own.err
		}
		if ce, ok := errors.AsType[*CompileError](err); ok {
			return ce
		}
		return &CompileError{Python: c.interp.Name, Reason: p.describe(), Err: err}
	}
	c.give(p)
	return nil
}

// A callerError is an error that did not come from the interpreter.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

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
	p.out = bufio.NewReaderSize(out, 256<<10)
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
	status, hello, err := p.answer()
	var magic uint16
	var version string
	if err == nil {
		_, err = fmt.Sscanf(string(status)+string(hello), "=%d %s", &magic, &version)
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

// serve sends the jobs and takes the answers as they come: a request may be greater than
// what a pipe holds, in both directions.
func (p *process) serve(jobs []Job, done func(int, Outcome) error) error {
	sent := make(chan error, 1)
	go func() { sent <- p.send(jobs) }()
	err := p.receive(jobs, done)
	if err != nil {
		p.kill() // so that send ends
	}
	serr := <-sent
	if own, ok := errors.AsType[*callerError](serr); ok {
		return own
	}
	return cmp.Or(err, serr)
}

func (p *process) send(jobs []Job) error {
	w := bufio.NewWriterSize(p.in, 256<<10)
	put := func(numbers ...uint64) {
		var b [8]byte
		for _, n := range numbers {
			binary.LittleEndian.PutUint64(b[:], n)
			_, _ = w.Write(b[:]) // a bufio.Writer keeps its error for Flush
		}
	}
	put(uint64(len(jobs)))
	for _, j := range jobs {
		put(uint64(len(j.Display)), uint64(j.SourceBytes), uint64(j.ModTime), uint64(j.SizeBytes), 0)
		_, _ = w.WriteString(j.Display)
		n, err := io.Copy(w, &source{io.LimitReader(j.Source, j.SourceBytes)})
		if err == nil && n != j.SourceBytes {
			err = &callerError{fmt.Errorf("source of %s: want %d bytes, got %d", j.Display, j.SourceBytes, n)}
		}
		if err != nil {
			p.kill() // it waits for the rest
			return err
		}
	}
	return w.Flush()
}

// source marks errors of reading a source.
type source struct{ r io.Reader }

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &callerError{err}
	}
	return n, err
}

func (p *process) receive(jobs []Job, done func(int, Outcome) error) error {
	for i := 0; ; i++ {
		status, data, err := p.answer()
		var o Outcome
		switch {
		case err != nil:
			return fmt.Errorf("answer %d of %d: %w", i+1, len(jobs), err)
		case status == '.' && i == len(jobs) && string(data) == "0":
			return nil
		case status == '.':
			return fmt.Errorf("the compiling process ended with status %s after %d of %d files (%s)", data, i, len(jobs), jobs[min(i, len(jobs)-1)].Display)
		case i >= len(jobs):
			return fmt.Errorf("unexpected answer %q", data)
		case status == '+':
			o.Bytecode = data
		case status == '-':
			o.Reason = string(data)
		default:
			return fmt.Errorf("unexpected answer %q %q", status, data)
		}
		if err := done(i, o); err != nil {
			return &callerError{err}
		}
	}
}

// maxAnswer bounds the bytecode of one source.
const maxAnswer = 1 << 30

// answer reads one answer of the driver.
func (p *process) answer() (status byte, data []byte, err error) {
	var head [9]byte
	if _, err := io.ReadFull(p.out, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint64(head[1:])
	if n > maxAnswer {
		return 0, nil, fmt.Errorf("an answer of %d bytes", n)
	}
	data = make([]byte, n)
	_, err = io.ReadFull(p.out, data)
	return head[0], data, err
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
