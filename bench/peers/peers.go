// Package peers measures the matrix products of other libraries. Each library has a small C program in the folder c,
// which the package compiles and runs as a child process, so the module itself needs no C compiler. The programs take
// requests from their standard input; c/peer.h defines them.
//
// The folder also has torch_fused.py, which measures a block of nets in PyTorch.
package peers

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
)

//go:embed c
var sources embed.FS

// A Library is a library with matrix products.
type Library struct {
	Name string
	F64  bool // it has products of float64, too
	// Package is Debian's package with the library and its headers.
	Package string

	link   []string // flags of the C compiler
	tuned  []string // environment for AVX-512: a library may not know this CPU
	narrow []string // environment for AVX2
}

// Libraries lists all libraries.
var Libraries = []Library{
	{
		Name: "openblas", F64: true, Package: "libopenblas-dev", link: []string{"-lopenblas"},
		tuned: []string{"OPENBLAS_CORETYPE=SKYLAKEX"}, narrow: []string{"OPENBLAS_CORETYPE=HASWELL"},
	},
	{
		Name: "onednn", Package: "libdnnl-dev", link: []string{"-ldnnl"},
		narrow: []string{"DNNL_MAX_CPU_ISA=AVX2", "ONEDNN_MAX_CPU_ISA=AVX2"},
	},
	{
		Name: "libxsmm", F64: true, Package: "libxsmm-dev", link: []string{"-lxsmm", "-lopenblas", "-lpthread", "-ldl", "-lm"},
		tuned: []string{"OPENBLAS_CORETYPE=SKYLAKEX"}, narrow: []string{"LIBXSMM_TARGET=hsw", "OPENBLAS_CORETYPE=HASWELL"},
	},
	{
		Name: "blis", F64: true, Package: "libblis-serial-dev", link: []string{"-lblis", "-lm"},
		tuned: []string{"BLIS_ARCH_TYPE=0"}, narrow: []string{"BLIS_ARCH_TYPE=3"}, // skx and haswell
	},
}

// Row returns the name of the row of the library in benchmarks. The name openblas belongs to the kernel set, which
// calls the library from Go.
func (l Library) Row() string {
	if l.Name == "openblas" {
		return "c-openblas"
	}
	return l.Name
}

// Vectors says which vectors a library may use.
type Vectors string

// The vectors.
const (
	AVX512 Vectors = "avx512"
	AVX2   Vectors = "avx2"
)

// Widest returns the widest vectors of this CPU. A library that is told to use wider ones ends with an illegal instruction.
func Widest() Vectors {
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL) {
		return AVX512
	}
	return AVX2
}

// A Peer is a running program of a library.
type Peer struct {
	Library
	Detail string // the version of the library and the kernels that it uses

	folder string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
}

// Start compiles and starts the program of a library, with one thread. The caller must call Close. If ctx ends, the
// program is killed.
func Start(ctx context.Context, lib Library, v Vectors) (_ *Peer, err error) {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		return nil, fmt.Errorf("%s: there is no C compiler %s; install gcc or set CC", lib.Name, cc)
	}
	p := &Peer{Library: lib}
	if p.folder, err = os.MkdirTemp("", "fusegrid-peer-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, name := range []string{"peer.h", lib.Name + ".c"} {
		text, err := sources.ReadFile("c/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(p.folder, name), text, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	program := filepath.Join(p.folder, lib.Name)
	var errs bytes.Buffer
	compile := exec.CommandContext(ctx, cc, append([]string{"-O2", "-o", program, program + ".c"}, lib.link...)...)
	compile.Stderr = &errs
	if err := compile.Run(); err != nil {
		return nil, fmt.Errorf("%s: %s: %s; install %s", lib.Name, cc, reason(errs.String(), err), lib.Package)
	}
	p.cmd = exec.CommandContext(ctx, program)
	p.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "BLIS_NUM_THREADS=1")
	p.cmd.Env = append(p.cmd.Env, map[Vectors][]string{AVX512: lib.tuned, AVX2: lib.narrow}[v]...)
	p.cmd.Stderr = &errs
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.cmd = nil
		return nil, fmt.Errorf("%s: %w", lib.Name, err)
	}
	p.out = bufio.NewReader(out)
	if p.Detail, err = p.answer(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, reason(errs.String(), io.EOF))
	}
	return p, nil
}

// reason returns the first line of a program's errors that names one, or err if there is no line.
func reason(text string, err error) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.Contains(line, "error:") || strings.Contains(line, "cannot find") {
			return line
		}
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); line != "" {
		return line
	}
	return err.Error()
}

// Close ends the program and removes its files.
func (p *Peer) Close() error {
	if p.cmd != nil {
		p.in.Close() // the program ends at the end of its input
		p.cmd.Wait()
	}
	return os.RemoveAll(p.folder)
}

func (p *Peer) answer() (string, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: the program ended early", p.Name)
	}
	return strings.TrimSpace(line), nil
}

func (p *Peer) ask(format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return "", fmt.Errorf("%s: the program ended early", p.Name)
	}
	return p.answer()
}

func (p *Peer) askNumber(format string, args ...any) (float64, error) {
	text, err := p.ask(format, args...)
	if err != nil {
		return 0, err
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: the program answered %q", p.Name, text)
	}
	return x, nil
}

// Prepare sets the product of the next calls: C ← op(A)·op(B) of type f32 or f64, where op(A) is m×k, op(B) is k×n, and
// op is NN, TN (A is stored transposed) or NT.
func (p *Peer) Prepare(dtype, op string, m, k, n int) error {
	text, err := p.ask("%s %s %d %d %d", dtype, op, m, k, n)
	if err == nil && text != "ok" {
		err = fmt.Errorf("%s: %s %s %dx%dx%d: %s", p.Name, dtype, op, m, k, n, text)
	}
	return err
}

// Time returns the time of so many calls by the clock "wall" or "cpu".
func (p *Peer) Time(clock string, calls int) (time.Duration, error) {
	seconds, err := p.askNumber("%s %d", clock, calls)
	return time.Duration(seconds * 1e9), err
}

// Element returns element (i, j) of the last product.
func (p *Peer) Element(i, j int) (float64, error) { return p.askNumber("element %d %d", i, j) }

// Numbers returns n of the numbers that the programs fill a matrix with: state is 1 for A and 2 for B.
func Numbers(n int, state uint32) []float64 {
	x := make([]float64, n)
	for i := range x {
		state = state*1664525 + 1013904223
		x[i] = float64(state>>8)/(1<<24) - 0.5
	}
	return x
}
