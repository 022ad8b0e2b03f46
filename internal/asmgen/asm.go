package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A target is an instruction set and an element type: what the text of a kernel may depend on.
type target struct {
	avx512 bool
	f64    bool
	half   bool // vectors fill half of a register
}

var (
	avx2F32   = target{}
	avx2F64   = target{f64: true}
	avx512F32 = target{avx512: true}
	avx512F64 = target{avx512: true, f64: true}

	targets = []target{avx2F32, avx2F64, avx512F32, avx512F64}
)

// pick returns a, or b if second is true.
func pick[T any](second bool, a, b T) T {
	if second {
		return b
	}
	return a
}

func (t target) set() string    { return pick(t.avx512, "AVX2", "AVX512") }
func (t target) float() string  { return pick(t.f64, "float32", "float64") }
func (t target) suffix() string { return pick(t.f64, "F32", "F64") } // of names

func (t target) size() int  { return pick(t.f64, 4, 8) }    // bytes of an element
func (t target) log() int   { return pick(t.f64, 2, 3) }    // log₂ of that
func (t target) lanes() int { return t.width() / t.size() } // elements of a vector

// width and registerWidth return the bytes of a vector and of a register.
func (t target) width() int         { return pick(t.half, t.registerWidth(), t.registerWidth()/2) }
func (t target) registerWidth() int { return pick(t.avx512, 32, 64) }

// A vec is the number of a vector register: X0, Y0 or Z0, by the width of the target's vectors.
type vec int

func (v vec) x() string { return fmt.Sprintf("X%d", v) } // its lowest 16 bytes
func (v vec) y() string { return fmt.Sprintf("Y%d", v) } // its lowest 32 bytes
func (v vec) z() string { return fmt.Sprintf("Z%d", v) } // 64 bytes

// reg returns the name of a register of the target's vectors. AVX2 has 16: the assembler would take an operation
// on others, and use AVX-512.
func (t target) reg(v vec) string {
	if v >= 32 || v >= 16 && !t.avx512 {
		panic(fmt.Sprintf("%s has no vector register %d", t.set(), v))
	}
	return map[int]func() string{16: v.x, 32: v.y, 64: v.z}[t.width()]()
}

// An asm holds the text of one file while it is written.
type asm struct {
	target
	buf    bytes.Buffer
	stubs  []string          // Go declarations of the file's kernels
	consts []string          // Go declarations of the constants that they read
	params map[string]string // "dst" → "dst+0(FP)", of the current kernel
	block  []instruction     // since the last label or comment

	inMacro bool
}

type instruction struct{ op, args, comment string }

// op writes one instruction. In its name, ? stands for S or D (single or double precision) and # for D or
// Q (32 or 64 bits), by the type of the target. An int is an immediate. A last operand that starts with //
// is a comment.
func (a *asm) op(name string, operands ...any) {
	name = strings.ReplaceAll(name, "?", pick(a.f64, "S", "D"))
	name = strings.ReplaceAll(name, "#", pick(a.f64, "D", "Q"))
	in := instruction{op: name}
	var args []string
	for _, o := range operands {
		switch o := o.(type) {
		case vec:
			args = append(args, a.reg(o))
		case int:
			args = append(args, fmt.Sprintf("$%d", o))
		case constant:
			args = append(args, fmt.Sprintf("exp<>+%d(SB)", 64*o.place))
			in.comment = "// " + o.name
		case string:
			if strings.HasPrefix(o, "//") {
				in.comment = o
			} else {
				args = append(args, o)
			}
		default:
			panic(fmt.Sprintf("%s: operand %v of type %T", name, o, o))
		}
	}
	in.args = strings.Join(args, ", ")
	a.block = append(a.block, in)
}

// macro writes a macro, under a comment. body writes its instructions, which use no other macro.
func (a *asm) macro(comment, name string, parameters []string, body func()) {
	a.flush()
	fmt.Fprintf(&a.buf, "\n// %s\n#define %s(%s) \\\n", comment, name, strings.Join(parameters, ", "))
	a.inMacro = true
	body()
	a.flush()
	a.inMacro = false
	a.buf.Truncate(a.buf.Len() - len(" \\\n"))
	a.buf.WriteString("\n")
}

// flush writes the instructions of a block, in columns.
func (a *asm) flush() {
	ops, args := 0, 0
	for _, in := range a.block {
		if in.args != "" {
			ops = max(ops, len(in.op))
		}
		if in.comment != "" {
			args = max(args, len(in.args))
		}
	}
	for _, in := range a.block {
		if a.inMacro && in.comment != "" {
			in.comment = "/*" + in.comment[2:] + " */"
		}
		a.line(fmt.Sprintf("\t%-*s %-*s %s", ops, in.op, args, in.args, in.comment))
	}
	a.block = a.block[:0]
}

// line writes a line, without spaces at its end.
func (a *asm) line(s string) {
	a.buf.WriteString(strings.TrimRight(s, " ") + pick(a.inMacro, "\n", " \\\n"))
}

// comment starts a block of instructions with a comment.
func (a *asm) comment(lines ...string) {
	if len(a.block) > 0 {
		a.flush()
		a.buf.WriteString("\n")
	}
	for _, l := range lines {
		a.buf.WriteString("\t// " + l + "\n")
	}
}

// label starts a block of instructions with a label, under a comment.
func (a *asm) label(name string, comment ...string) {
	a.flush()
	if !a.inMacro {
		a.buf.WriteString("\n")
	}
	a.comment(comment...)
	a.line(name + ":")
}

func (a *asm) ret() {
	a.op("VZEROUPPER")
	a.op("RET")
	a.flush()
}

var (
	elementType    = regexp.MustCompile(`\bT\b`)
	vectorRegister = regexp.MustCompile(`\bV(\d+)\b`)
)

// text starts a kernel: func name(params) result, which requires these features of the CPU and has the
// frame of so many bytes. In params, T stands for the type of an element; in doc, which says what the
// kernel computes and what its registers hold, V0 stands for Y0 or Z0.
func (a *asm) text(name, params, result string, frame int, requires, doc string) {
	decl := strings.TrimRight(fmt.Sprintf("func %s(%s) %s", name, params, result), " ")
	decl = elementType.ReplaceAllString(decl, a.float())
	a.stubs = append(a.stubs, decl)
	doc = vectorRegister.ReplaceAllString(doc, a.reg(0)[:1]+"$1")

	fmt.Fprintf(&a.buf, "\n// %s\n// Requires: %s\n//\n", decl, requires)
	a.doc(doc)
	fmt.Fprintf(&a.buf, "TEXT ·%s(SB), NOSPLIT, $%d-%d\n", name, frame, a.layout(decl))
}

// doc writes the lines of a comment. As gofmt wants it, a tab follows the slashes at once.
func (a *asm) doc(text string) {
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		if line != "" && line[0] != '\t' {
			line = " " + line
		}
		a.buf.WriteString(strings.TrimRight("//"+line, " ") + "\n")
	}
}

// layout finds where the parameters of a declaration are in the caller's frame, and how long they are
// together.
func (a *asm) layout(decl string) (bytes int) {
	f, err := parser.ParseExpr(decl[:4] + decl[strings.Index(decl, "("):])
	if err != nil {
		panic(err)
	}
	a.params = map[string]string{}
	place := func(name string, typ ast.Expr) {
		parts, size := []string{""}, 8
		switch typ := typ.(type) {
		case *ast.ArrayType:
			parts = []string{"_base", "_len", "_cap"}
		case *ast.Ident:
			size = map[string]int{"int": 8, "float32": 4, "float64": 8}[typ.Name]
		}
		bytes = (bytes + size - 1) / size * size
		for _, p := range parts {
			a.params[name+p] = fmt.Sprintf("%s%s+%d(FP)", name, p, bytes)
			bytes += size
		}
	}
	sig := f.(*ast.FuncType)
	for _, field := range sig.Params.List {
		for _, name := range field.Names {
			place(name.Name, field.Type)
		}
	}
	if sig.Results != nil {
		bytes = (bytes + 7) / 8 * 8
		place("ret", sig.Results.List[0].Type)
	}
	return bytes
}

// arg returns the operand of a parameter.
func (a *asm) arg(name string) string {
	p, ok := a.params[name]
	if !ok {
		panic("no parameter " + name)
	}
	return p
}

// args loads parameters into registers: the name of a parameter, its register, and so on.
func (a *asm) args(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		a.op("MOVQ", a.arg(pairs[i]), pairs[i+1])
	}
}

// mem returns the operand for the memory at base plus an offset, plus index·scale where these are given.
func mem(base string, offset int, index ...any) string {
	s := "(" + base + ")"
	if offset != 0 {
		s = fmt.Sprint(offset) + s
	}
	if len(index) > 0 {
		s += fmt.Sprintf("(%v*%v)", index...)
	}
	return s
}

// field returns the operand of a field of the struct in DI. Its name starts with that of the struct: tileK or moveRows.
func (a *asm) field(name string) string { return a.fieldAt(name, 0) }

// fieldAt returns the operand at an offset within a field.
func (a *asm) fieldAt(name string, offset int) string {
	types := map[string]string{
		"tile": "blocked.Tiles[float32]", "move": "blocked.Move[float32]", "products": "bfp.Products", "rounding": "bfp.Rounding",
		"outputs": "bfp.Outputs", "steps": "bfp.Steps", "interleaving": "bfp.Interleaving", "unitRounding": "bfp.UnitRounding",
		"unitSteps": "bfp.UnitSteps",
	}
	last := strings.LastIndexFunc(name, unicode.IsUpper)
	for types[name[:last]] == "" {
		last = strings.LastIndexFunc(name[:last], unicode.IsUpper)
	}
	operand := a.constant(name, fmt.Sprintf("unsafe.Offsetof(%s{}.%s)", types[name[:last]], name[last:]))
	if offset != 0 {
		operand += fmt.Sprintf("+%d", offset)
	}
	return operand + "(DI)"
}

// enum returns the immediate operand of a constant of package blocked, or of package bfp if it is a kind of sums.
func (a *asm) enum(name string) string {
	pkg := pick(strings.HasSuffix(name, "Sums"), "blocked", "bfp")
	return "$" + a.constant(name, fmt.Sprintf("int(%s.%s)", pkg, strings.ToUpper(name[:1])+name[1:]))
}

// constant declares a Go constant, and returns its name in go_asm.h.
func (a *asm) constant(name, value string) string {
	if decl := name + " = " + value; !slices.Contains(a.consts, decl) {
		a.consts = append(a.consts, decl)
	}
	return "const_" + name
}

const ones = ^uint64(0)

// data writes words of eight bytes to a symbol, from an offset on.
func (a *asm) data(symbol string, offset int, words ...uint64) {
	for i, w := range words {
		fmt.Fprintf(&a.buf, "DATA %s+%d(SB)/8, $%#016x\n", symbol, offset+8*i, w)
	}
}

// global ends a symbol of read-only data.
func (a *asm) global(symbol string, bytes int) {
	fmt.Fprintf(&a.buf, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", symbol, bytes)
}
