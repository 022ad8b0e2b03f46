// Package flagfile reads and writes the values of command-line flags in TOML files. A file has one key
// for each flag, and no tables.
package flagfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// A Kind is how a value is written.
type Kind int

const (
	Text Kind = iota
	Number
	Boolean
	List // of texts and numbers
)

// A Setting is the value of one flag.
type Setting struct {
	Name  string // of the flag, without a hyphen
	Kind  Kind
	Value string // as on the command line; items of a list are separated by commas
	Line  int    // of the file, from 1; 0 if the setting is not from a file
}

// MaxBytes is the maximum size of a file.
const MaxBytes = 256 << 10

// Read returns the settings of a file in their order. The first line of an error has the number of the line.
func Read(r io.Reader) ([]Setting, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("it has more than %d bytes, so it is no file of flags", MaxBytes)
	}
	if err := checkFlat(text); err != nil {
		return nil, err
	}
	var values map[string]toml.Primitive
	md, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&values)
	if err != nil {
		return nil, syntax(err)
	}
	var all []Setting
	for _, key := range md.Keys() {
		v, ok := values[key[0]]
		if !ok {
			continue // a part of a table that comes before
		}
		delete(values, key[0])
		s, err := setting(&md, key, v)
		if err != nil {
			return nil, at(s.Line, fmt.Errorf("%s: %w", s.Name, err))
		}
		all = append(all, s)
	}
	return all, nil
}

// at puts the number of a line before an error.
func at(line int, err error) error { return fmt.Errorf("%d: %w", line, err) }

// syntax returns the error of a file that is no TOML, in one line with a remedy.
func syntax(err error) error {
	bad, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return fmt.Errorf("it is no TOML: %w", err)
	}
	why := strings.TrimSuffix(strings.Join(strings.Fields(bad.Message), " "), ".")
	return at(bad.Position.Line, fmt.Errorf(`%s; write texts in quotes and lists in brackets: net = "fc", lr = [1e-4, 1e-3]`, why))
}

// setting returns the setting of a key.
func setting(md *toml.MetaData, key toml.Key, v toml.Primitive) (Setting, error) {
	for _, part := range key[1:] { // a.b = 1
		var table map[string]toml.Primitive
		if md.PrimitiveDecode(v, &table) == nil {
			v = table[part]
		}
	}
	var found located
	err := md.PrimitiveDecode(v, &found)
	place, _ := errors.AsType[toml.ParseError](err)
	s := Setting{Name: key.String(), Line: place.Position.Line}
	if len(key) > 1 {
		return s, errTable
	}
	s.Name = key[0]
	s.Kind, s.Value, err = valueOf(found.value)
	return s, err
}

// A located takes a value of any type. It refuses the value, because the error of package toml then has the line
// of the key, which nothing else in that package tells.
type located struct{ value any }

var errLocated = errors.New("located")

func (l *located) UnmarshalTOML(v any) error {
	l.value = v
	return errLocated
}

var (
	errTable = errors.New("a file of flags has no tables; write each flag as name = value")
	errType  = errors.New("want a text in quotes, a number, true, false, or a list of texts and numbers in brackets")
)

// valueOf returns a value as a flag takes it.
func valueOf(v any) (Kind, string, error) {
	switch v := v.(type) {
	case string:
		return Text, v, nil
	case int64:
		return Number, strconv.FormatInt(v, 10), nil
	case float64:
		return Number, strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return Boolean, strconv.FormatBool(v), nil
	case map[string]any, []map[string]any:
		return 0, "", errTable
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			kind, text, err := valueOf(item)
			if err != nil || kind == Boolean || kind == List {
				return 0, "", fmt.Errorf("item %d of the list is no text and no number", i+1)
			}
			items[i] = text
		}
		if len(items) == 0 {
			return 0, "", errors.New("the list is empty; omit the key for the default")
		}
		return List, strings.Join(items, ","), nil
	}
	return 0, "", errType
}

// Write writes the line of a setting. Read returns the same name and value.
func Write(w io.Writer, s Setting) error {
	var b strings.Builder
	var value any = s.Value
	if n, err := strconv.ParseInt(s.Value, 10, 64); err == nil && strconv.FormatInt(n, 10) == s.Value {
		value = n
	}
	if s.Kind == Boolean {
		value = s.Value == "true"
	}
	if !utf8.ValidString(s.Value) {
		return fmt.Errorf("-%s %q is not UTF-8, which TOML needs", s.Name, s.Value)
	}
	if err := toml.NewEncoder(&b).Encode(map[string]any{s.Name: value}); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}
