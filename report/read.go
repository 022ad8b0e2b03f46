package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"

	"fusegrid/internal/strictjson"
)

// A Data is what the blocks of a page say.
type Data struct {
	Rows, Total int
	Columns     []DataColumn
	View        json.RawMessage // the answer and the texts of the page
	Curves      []DataCurve     // by row; nil if there are none
	CurvesNote  string
	Nets        map[string]json.RawMessage // pictures of kept nets by key
}

// A DataColumn is a column of a page. Texts has one text for each row, or Numbers one number. A missing text is
// empty, and a missing number is NaN.
type DataColumn struct {
	Name, Role, Enc string
	Log, Axis       bool
	Texts           []string
	Numbers         []float64
}

// A DataCurve is the curve of a trial in a page. It is empty if the trial has none.
type DataCurve struct {
	Steps, LossSteps []int
	Val, Train, Loss []float64
}

// maxBlock is the largest size of a block that Read accepts, inflated.
const maxBlock = 1 << 30

// block matches the block of an element of a page.
func block(page []byte, id string) ([]byte, bool) {
	m := regexp.MustCompile(`(?s)<script type="[^"]*" id="?` + id + `"?>(.*?)</script>`).FindSubmatch(page)
	if m == nil {
		return nil, false
	}
	return bytes.TrimSpace(m[1]), true
}

// Read reads the blocks of a page. It is meant for tests and for programs that use the data of a page.
func Read(page []byte) (*Data, error) {
	text, ok := block(page, "data")
	if !ok {
		return nil, errors.New("this is no page of sweep report: it has no element data")
	}
	var h struct {
		dataHeader
		View json.RawMessage `json:"view"`
	}
	data, err := readBlock(text, &h)
	if err != nil {
		return nil, fmt.Errorf("the element data: %w", err)
	}
	if h.Format != FormatVersion {
		return nil, fmt.Errorf("the data has format %d, and this program reads format %d", h.Format, FormatVersion)
	}
	d := &Data{Rows: h.Rows, Total: h.Total, View: h.View}
	for _, c := range h.Columns {
		col, err := c.decode(h.Rows, data)
		if err != nil {
			return nil, fmt.Errorf("column %.40q: %w", c.Name, err)
		}
		d.Columns = append(d.Columns, col)
	}
	if text, ok := block(page, "curvesdata"); ok {
		if err := d.readCurves(text); err != nil {
			return nil, fmt.Errorf("the element curvesdata: %w", err)
		}
	}
	if text, ok := block(page, "netsdata"); ok {
		if err := strictjson.Unmarshal(text, &d.Nets); err != nil {
			return nil, fmt.Errorf("the element netsdata: %w", err)
		}
	}
	return d, nil
}

// Column returns the column of that name, or nil.
func (d *Data) Column(name string) *DataColumn {
	for i := range d.Columns {
		if d.Columns[i].Name == name {
			return &d.Columns[i]
		}
	}
	return nil
}

// readBlock returns the data of a block, and reads its header into h.
func readBlock(text []byte, h any) ([]byte, error) {
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(text)))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(z, maxBlock+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxBlock {
		return nil, fmt.Errorf("it has more than %d bytes", maxBlock)
	}
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, errors.New("it ends within its header")
	}
	end := 4 + int(binary.LittleEndian.Uint32(b))
	if err := strictjson.Unmarshal(b[4:end], h); err != nil {
		return nil, fmt.Errorf("its header is wrong: %w", err)
	}
	return b[min((end+7)&^7, len(b)):], nil
}

// sizes has the bytes of a row by encoding.
var sizes = map[string]int{encConst: 0, encCode8: 1, encCode16: 2, encPlane: 2, encFloat: 4, encFloats: 4, encDouble: 8, encPlanes: 8}

// decode returns the values of a column.
func (h columnHeader) decode(rows int, data []byte) (c DataColumn, err error) {
	c = DataColumn{Name: h.Name, Role: h.Role, Enc: h.Enc, Log: h.Log, Axis: h.Axis}
	size, ok := sizes[h.Enc]
	if h.Enc == encHex {
		size, ok = h.Width, h.Width > 0 && h.Width <= 32
	}
	if !ok {
		return c, fmt.Errorf("the encoding %.20q is unknown", h.Enc)
	}
	if rows < 0 || h.Offset < 0 || rows > maxBlock || h.Offset > len(data) || size*rows > len(data)-h.Offset {
		return c, fmt.Errorf("%d rows at %d exceed %d bytes", rows, h.Offset, len(data))
	}
	data = data[h.Offset:][:size*rows]
	for row := range rows {
		switch h.Enc {
		case encHex:
			c.Texts = append(c.Texts, hex.EncodeToString(data[size*row:][:size]))
		case encConst, encCode8, encCode16, encPlane:
			if err := c.code(&h, h.codeOf(data, row, rows)); err != nil {
				return c, fmt.Errorf("row %d: %w", row, err)
			}
		default:
			c.Numbers = append(c.Numbers, h.float(data, row, rows))
		}
	}
	return c, nil
}

// codeOf returns the code of a row. The code of a missing value exceeds those of the dictionary.
func (h *columnHeader) codeOf(data []byte, row, rows int) int {
	switch h.Enc {
	case encCode8:
		if data[row] == missing8 {
			return missing16
		}
		return int(data[row])
	case encCode16:
		return int(binary.LittleEndian.Uint16(data[2*row:]))
	case encPlane:
		return int(data[row]) | int(data[rows+row])<<8
	}
	if len(h.Dict) == 0 {
		return missing16
	}
	return 0
}

// code appends the value of a code.
func (c *DataColumn) code(h *columnHeader, code int) error {
	switch {
	case code == missing16 && h.Text:
		c.Texts = append(c.Texts, "")
		return nil
	case code == missing16:
		c.Numbers = append(c.Numbers, math.NaN())
		return nil
	case code >= len(h.Dict):
		return fmt.Errorf("code %d is not in the dictionary of %d", code, len(h.Dict))
	}
	switch v := h.Dict[code].(type) {
	case string:
		c.Texts = append(c.Texts, v)
	case float64:
		c.Numbers = append(c.Numbers, v)
	case nil:
		c.Numbers = append(c.Numbers, math.Inf(1))
	}
	if _, text := h.Dict[code].(string); text != h.Text {
		return fmt.Errorf("the dictionary has %.40q", fmt.Sprint(h.Dict[code]))
	}
	return nil
}

// float returns the number of a row.
func (h *columnHeader) float(data []byte, row, rows int) float64 {
	size := sizes[h.Enc]
	var b [8]byte
	for k := range size {
		if h.Enc == encFloats || h.Enc == encPlanes {
			b[k] = data[k*rows+row]
		} else {
			b[k] = data[size*row+k]
		}
	}
	if size == 4 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
}

// readCurves reads the block of curves.
func (d *Data) readCurves(text []byte) error {
	var h curvesHeader
	data, err := readBlock(text, &h)
	if err != nil {
		return err
	}
	most, width := len(data), 2 // of an accuracy
	if h.Floats {
		width = 4
	}
	if h.Format != FormatVersion || h.Rows < 0 || h.Accuracies < 0 || h.Losses < 0 || h.Rows > most || h.Accuracies > most || h.Losses > most ||
		len(data) != 4*h.Rows+(width+2)*h.Accuracies+2*h.Losses || h.Rows > d.Rows {
		return errors.New("its numbers do not agree with its size")
	}
	planes := func(n, size int) []uint32 {
		all := make([]uint32, n)
		for k := range size * n {
			all[k%n] |= uint32(data[k]) << (8 * (k / n))
		}
		data = data[size*n:]
		return all
	}
	lists, lossLists := planes(h.Rows, 2), planes(h.Rows, 2)
	val, train, loss := planes(h.Accuracies, width), planes(h.Accuracies, 2), planes(h.Losses, 2)
	d.CurvesNote, d.Curves = h.Note, make([]DataCurve, d.Rows)
	for row := range lists {
		if lists[row] == noList {
			continue
		}
		if int(lists[row]) >= len(h.Steps) || int(lossLists[row]) >= len(h.Steps) {
			return fmt.Errorf("row %d has an unknown list", row)
		}
		c := &d.Curves[row]
		c.Steps, c.LossSteps = h.Steps[lists[row]], h.Steps[lossLists[row]]
		m, n := len(c.Steps), len(c.LossSteps)
		if m > len(val) || n > len(loss) {
			return fmt.Errorf("row %d exceeds the numbers", row)
		}
		accuracy := func(unit float64) func(int16) float64 {
			return func(x int16) float64 { return float64(x) * unit }
		}
		c.Train, c.Loss = series(train[:m], accuracy(h.Train)), series(loss[:n], lossOf)
		if h.Floats {
			for _, bits := range val[:m] {
				c.Val = append(c.Val, float64(math.Float32frombits(bits)))
			}
		} else {
			c.Val = series(val[:m], accuracy(h.Val))
		}
		val, train, loss = val[m:], train[m:], loss[n:]
	}
	return nil
}

// series returns the values of a series of differences.
func series(numbers []uint32, value func(int16) float64) []float64 {
	all := make([]float64, len(numbers))
	x := int16(0)
	for i, u := range numbers {
		x += unzigzag(uint16(u))
		if all[i] = value(x); x == lossNone {
			all[i] = math.NaN()
		}
	}
	return all
}

// lossOf returns the loss of its number.
func lossOf(x int16) float64 {
	if x == lossInf {
		return math.Inf(1)
	}
	return math.Exp2(float64(x) / lossScale)
}
