package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/internal/atomicfile"
	"fusegrid/kernels"
	"fusegrid/nn/assignment"
	"fusegrid/results"
)

// A verdict writes the report of the assignment's figures. Its files depend on the figures and the numeric class
// alone, not on the machine, the time, or the choice between kernel sets of one class.
type verdict struct {
	assignment.Report
	class  string // how the kernels round, see kernels.Class
	images bool   // whether the parts with CIFAR-10 ran
}

// integers reports whether the first layers were in integers.
func (v verdict) integers() bool { return kernels.Class(v.class).Integers() }

// word returns the verdict on a figure.
func word(f assignment.Figure) string {
	switch {
	case f.OK:
		return "agrees"
	case f.Must:
		return "DIFFERS"
	}
	return "differs, may"
}

// digits returns the number of digits that agree, or "" if digits are not counted.
func digits(f assignment.Figure) string {
	if f.Digits < 0 {
		return ""
	}
	return fmt.Sprint(f.Digits)
}

// parts returns the names of the parts, in order.
func (v verdict) parts() []string {
	var names []string
	for _, f := range v.Figures {
		if !slices.Contains(names, f.Part) {
			names = append(names, f.Part)
		}
	}
	return names
}

// of returns the figures of a part.
func (v verdict) of(part string) []assignment.Figure {
	return slices.DeleteFunc(slices.Clone(v.Figures), func(f assignment.Figure) bool { return f.Part != part })
}

// summary counts the figures that agree.
func (v verdict) summary() string {
	figures := slices.Clone(v.Figures)
	words := "%d of %d figures that must agree do."
	if v.integers() {
		words = "No figure must agree, because this type rounds differently. %d of %d do."
	} else {
		figures = slices.DeleteFunc(figures, func(f assignment.Figure) bool { return !f.Must })
	}
	agree := 0
	for _, f := range figures {
		if f.OK {
			agree++
		}
	}
	s := fmt.Sprintf(words, agree, len(figures))
	if !v.images {
		s += " The experiments on CIFAR-10 did not run."
	}
	for _, note := range v.Notes {
		s += " Of the data: " + note + "."
	}
	return s
}

// text writes one line for each part, and every figure that differs, for a terminal. Only this text has times and
// the machine.
func (v verdict) text(w io.Writer, machine string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-22s %8s %8s %9s\n", "part", "figures", "agree", "seconds")
	for _, part := range v.parts() {
		fs := v.of(part)
		agree := 0
		for _, f := range fs {
			if f.OK {
				agree++
			}
		}
		fmt.Fprintf(&b, "%-22s %8d %8d %9.2f\n", part, len(fs), agree, v.Seconds[part])
	}
	b.WriteString(fold(fmt.Sprintf("\n%s\n%s\n", v.summary(), machine), terminalOf(w, "never").width))
	for _, f := range v.Figures {
		if !f.OK {
			fmt.Fprintf(&b, "%s: %s, %s:\n  printed %s\n  ours    %s\n", word(f), f.Part, f.Name, clip(f.Printed, 70), clip(f.Ours, 70))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// markdown writes every figure, and links to the pictures, which are files in the folder of the report.
func (v verdict) markdown(w io.Writer, pictures []string) error {
	var b bytes.Buffer
	b.WriteString(reportTitle + "\n\n")
	b.WriteString("This report was written by `sweep reproduce`. It compares the numbers that the notebooks of ECE 239AS assignment 3 print with\nthe results of this program. The assignment is based on CS231n. The column \"digits\" is the number of equal significant digits.\n\n")
	float := "float64"
	if v.integers() {
		float = "float32"
	}
	fmt.Fprintf(&b, "%s\nComputed in %s with kernels of numeric class %s.\n", v.summary(), float, v.class)
	for _, part := range v.parts() {
		fmt.Fprintf(&b, "\n## %s\n\n%s", strings.ToUpper(part[:1])+part[1:], tableHead)
		for _, f := range v.of(part) {
			cell := func(s string) string {
				return strings.ReplaceAll(strings.ReplaceAll(clip(s, 96), "|", `\|`), "\n", " ")
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(f.Name), cell(f.Printed), cell(f.Ours), digits(f), word(f))
		}
	}
	if len(pictures) > 0 {
		b.WriteString("\n## Pictures\n\n")
		for _, p := range pictures {
			name := strings.TrimSuffix(p, ".png")
			fmt.Fprintf(&b, "![%s](%s)\n", name, p)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Parts of a report, by which figuresIn recognizes it.
const (
	reportTitle = "# The assignment, figure by figure"
	tableHead   = "| figure | printed | ours | digits | verdict |\n| --- | --- | --- | ---: | --- |\n"
)

// figuresIn returns the number of figures of a report, or 0 if there is no file of that name.
func figuresIn(name string) (int, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil && !bytes.HasPrefix(text, []byte(reportTitle+"\n")) {
		err = errors.New("it is no report of sweep reproduce")
	}
	if err != nil {
		return 0, badInput{fmt.Errorf("-out %s: %w; give another -out", name, err)}
	}
	rows := bytes.Count(text, []byte("\n| "))
	return rows - 2*bytes.Count(text, []byte("\n"+tableHead)), nil
}

// clip shortens a long text in the middle.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n*2/3]) + " … " + string(r[len(r)-(n-n*2/3-3):])
}

// writeFiles writes the report to name, and the pictures into the same folder.
func (v verdict) writeFiles(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	stem := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	var pictures []string
	write := func(picture string, draw func(io.Writer) error) error {
		picture = stem + "-" + picture + ".png"
		pictures = append(pictures, picture)
		return atomicfile.Write(filepath.Join(filepath.Dir(name), picture), draw)
	}
	for _, d := range v.Diagrams {
		if err := write(d.Name, func(w io.Writer) error { return drawDiagram(w, d) }); err != nil {
			return err
		}
	}
	for _, p := range v.Pictures {
		if err := write(p.Name, func(w io.Writer) error { return drawPicture(w, p) }); err != nil {
			return err
		}
	}
	return atomicfile.Write(name, func(w io.Writer) error { return v.markdown(w, pictures) })
}

// drawDiagram draws the losses of a training above its accuracies.
func drawDiagram(w io.Writer, d assignment.Diagram) error {
	panels := []results.Panel{{Title: d.Title + ": loss", X: "iteration", Y: "loss", Curves: []results.Curve{{Name: "loss", Values: d.Loss, Dots: d.Dots}}}}
	if len(d.Accuracies) > 0 {
		accuracy := results.Panel{Title: d.Title + ": accuracy", X: "epoch", Y: "accuracy"}
		for _, c := range d.Accuracies {
			accuracy.Curves = append(accuracy.Curves, results.Curve{Name: c.Name, Values: c.Values})
		}
		panels = append(panels, accuracy)
	}
	return results.WriteCurvesPNG(w, panels...)
}

// drawPicture draws an image in twice its size, or several with their captions.
func drawPicture(w io.Writer, p assignment.Picture) error {
	if len(p.Parts) == 1 {
		return png.Encode(w, results.Enlarge(p.Parts[0].Image, 2))
	}
	var images []results.Captioned
	for _, part := range p.Parts {
		images = append(images, results.Captioned(part))
	}
	return results.WriteImagesPNG(w, images...)
}
