package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fusegrid/internal/strictjson"
	"fusegrid/nn/safetensors"
	"fusegrid/results"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// A store keeps the states of blocks that are not done, one file each:
// CHECKPOINTS/ID.safetensors, where the ID is made of the keys of the trials that the block
// began with. Besides what nn/fused saves, the metadata hold these trials, the time they took,
// and a checksum of everything.
type store struct {
	dir   string
	what  string // they are, for people
	disk  disk
	every time.Duration // between two states of a block; 0 for none but the last before an interruption
}

// A saved is a state in a store.
type saved struct {
	store  *store
	id     string
	trials []results.Config // that the block began with
	live   []int            // those of them that still train, by position
	done   int              // iterations
}

func (s *store) name(id string) string { return filepath.Join(s.dir, id+".safetensors") }

// save swaps in the state of a block.
func (s *store) save(b plan.Block, f safetensors.File) error {
	if err := seal(&f, b.Trials); err != nil {
		return err
	}
	err := makeFolder(s.dir)
	if err == nil {
		err = s.disk.swap(s.name(f.Meta["identity"]), func(w io.Writer) error { return safetensors.Write(w, f) })
	}
	if err != nil {
		return fmt.Errorf("saving the state of a block: %w", err)
	}
	return nil
}

// seal says in a state of which trials it is, and adds the checksum.
func seal(f *safetensors.File, trials []grid.Trial) error {
	var configs []results.Config
	for _, t := range trials {
		configs = append(configs, t.Config)
	}
	text, err := json.Marshal(configs)
	if err != nil {
		return err
	}
	f.Meta["trials"] = string(text)
	f.Meta["sum"] = checksum(f)
	return nil
}

// remove drops the state of a block that is done, if there is one.
func (s *store) remove(id string) error {
	err := s.disk.remove(s.name(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// load reads a state and checks every bit of it.
func (s *store) load(id string) (*safetensors.File, error) { return readState(s.name(id)) }

// readState reads the file of a state and checks every bit of it.
func readState(name string) (*safetensors.File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Read(data)
	if err != nil {
		return nil, err
	}
	if f.Meta["sum"] != checksum(f) {
		return nil, errors.New("its checksum does not agree")
	}
	return f, nil
}

// list returns the states that are whole, the furthest first, and says of the others what is wrong.
func (s *store) list(report func(name string, err error)) []saved {
	names, err := filepath.Glob(filepath.Join(s.dir, "*.safetensors"))
	if err != nil {
		report(s.dir, err)
	}
	var all []saved
	for _, name := range names {
		v, err := s.look(name)
		if err != nil {
			report(name, err)
			continue
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b saved) int { return cmp.Or(cmp.Compare(b.done, a.done), strings.Compare(a.id, b.id)) })
	return all
}

func (s *store) look(name string) (saved, error) {
	v := saved{store: s, id: strings.TrimSuffix(filepath.Base(name), ".safetensors")}
	f, err := s.load(v.id)
	if err != nil {
		return v, err
	}
	if f.Meta["identity"] != v.id {
		return v, fmt.Errorf("it is of block %.12s…", f.Meta["identity"])
	}
	if err := strictjson.Unmarshal([]byte(f.Meta["trials"]), &v.trials); err != nil {
		return v, fmt.Errorf("its trials: %w", err)
	}
	if v.done, err = strconv.Atoi(f.Meta["done"]); err != nil {
		return v, err
	}
	for _, word := range strings.Fields(f.Meta["nets"]) {
		id, err := strconv.Atoi(word)
		if err != nil || id < 0 || id >= len(v.trials) {
			return v, fmt.Errorf("net %q of %d", word, len(v.trials))
		}
		v.live = append(v.live, id)
	}
	return v, nil
}

// checksum returns the SHA-256 of all that is in f but the checksum itself, in hex.
func checksum(f *safetensors.File) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(f.Meta)) {
		if k != "sum" {
			fmt.Fprintf(h, "%q=%q\n", k, f.Meta[k])
		}
	}
	var buf []byte
	for _, t := range f.Tensors {
		fmt.Fprintf(h, "%q %v\n", t.Name, t.Shape)
		buf = buf[:0]
		for _, v := range t.F32 {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		for _, v := range t.F64 {
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resume makes blocks again from the states that fit: all their nets that still train are to be
// trained here. It returns the trials and the states that are left for other blocks; a state that other
// trials need too is left for them. Those all of whose nets are settled are spent: no trial
// needs them, but a longer one may go on from them.
func (s *store) resume(states []saved, todo []grid.Trial, settled func(key string) bool) (blocks []plan.Block, rest []grid.Trial, left, spent []saved) {
	if len(states) == 0 {
		return nil, todo, nil, nil
	}
	open := map[string]grid.Trial{}
	for _, t := range todo {
		open[t.Key] = t
	}
	for _, v := range states {
		b := plan.Block{ID: v.id, Resumed: true, Done: v.done, Skip: make([]bool, len(v.trials))}
		for i, c := range v.trials {
			key := c.Key()
			t, ok := open[key]
			if !ok {
				t = grid.Trial{Key: key, Config: c}
			}
			b.Trials = append(b.Trials, t)
			b.Skip[i] = true
		}
		fits, needed := plan.BlockID(b.Trials) == v.id, false
		for _, i := range v.live {
			key := b.Trials[i].Key
			if settled(key) {
				continue
			}
			_, ok := open[key]
			fits, needed = fits && ok, true
			b.Skip[i] = false
		}
		switch {
		case !needed:
			spent = append(spent, v)
		case fits:
			for _, t := range b.Active() {
				delete(open, t.Key)
			}
			blocks = append(blocks, b)
		default:
			left = append(left, v)
		}
	}
	for _, t := range todo {
		if _, ok := open[t.Key]; ok {
			rest = append(rest, t)
		}
	}
	return blocks, rest, left, spent
}
