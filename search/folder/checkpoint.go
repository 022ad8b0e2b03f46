package folder

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// A Store keeps states in files DIR/ID.safetensors. The ID of a block is a hash of the keys of its
// trials. A file has the contents of a checkpoint of nn/train, and also the trials, their times,
// and a checksum of everything.
type Store struct {
	Dir   string
	Kind  string // checkpoints or kept states, for messages
	Disk  Disk
	Every time.Duration // time between two states of a block; 0 saves only before an interruption
}

// A Checkpoint is one saved state in a store.
type Checkpoint struct {
	store  *Store
	ID     string
	Trials []results.Config // trials of the block
	live   []int            // positions of the trials that still train
	done   int              // iterations
}

// File returns the name of the file of a block.
func (s *Store) File(id string) string { return filepath.Join(s.Dir, id+".safetensors") }

// Save writes the state of a block, and replaces its previous state.
func (s *Store) Save(b plan.Block, f safetensors.File) error {
	if err := Seal(&f, b.Trials); err != nil {
		return err
	}
	err := makeFolder(s.Dir)
	if err == nil {
		err = s.Disk.Swap(s.File(f.Meta["identity"]), func(w io.Writer) error { return safetensors.Write(w, f) })
	}
	if err != nil {
		return fmt.Errorf("saving the state of a block: %w", err)
	}
	return nil
}

// Seal adds a list of the trials of a state, and a checksum, to its metadata.
func Seal(f *safetensors.File, trials []grid.Trial) error {
	var configs []results.Config
	for _, t := range trials {
		configs = append(configs, t.Config)
	}
	text, err := json.Marshal(configs)
	if err != nil {
		return err
	}
	f.Meta["trials"] = string(text)
	f.Seal()
	return nil
}

// Remove removes the state of a block, if it exists.
func (s *Store) Remove(id string) error {
	err := s.Disk.Remove(s.File(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Load reads a state and checks every bit of it.
func (s *Store) Load(id string) (*safetensors.File, error) { return readState(s.File(id)) }

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
	if !f.Sealed() {
		return nil, errChecksum
	}
	return f, nil
}

// List returns the undamaged states, those with the most iterations first. It calls the function
// report for each of the others.
func (s *Store) List(report func(name string, err error)) []Checkpoint {
	names, err := filepath.Glob(filepath.Join(s.Dir, "*.safetensors"))
	if err != nil {
		report(s.Dir, err)
	}
	var all []Checkpoint
	for _, name := range names {
		v, err := s.inspect(name)
		if err != nil {
			report(name, err)
			continue
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Checkpoint) int { return cmp.Or(cmp.Compare(b.done, a.done), strings.Compare(a.ID, b.ID)) })
	return all
}

func (s *Store) inspect(name string) (Checkpoint, error) {
	v := Checkpoint{store: s, ID: strings.TrimSuffix(filepath.Base(name), ".safetensors")}
	f, err := s.Load(v.ID)
	if err != nil {
		return v, err
	}
	if f.Meta["identity"] != v.ID {
		return v, fmt.Errorf("it is of block %.12s…", f.Meta["identity"])
	}
	if err := strictjson.Unmarshal([]byte(f.Meta["trials"]), &v.Trials); err != nil {
		return v, fmt.Errorf("its trials: %w", err)
	}
	if v.done, err = strconv.Atoi(f.Meta["done"]); err != nil {
		return v, err
	}
	for _, word := range strings.Fields(f.Meta["nets"]) {
		id, err := strconv.Atoi(word)
		if err != nil || id < 0 || id >= len(v.Trials) {
			return v, fmt.Errorf("net %q of %d", word, len(v.Trials))
		}
		v.live = append(v.live, id)
	}
	return v, nil
}

// Resume makes blocks of states. A net of a state is unsettled if settled returns false for its
// trial. A state becomes a block if the trials of all its unsettled nets are in todo. The result
// rest has the trials of todo that are in none of these blocks. The result left has the other
// states with unsettled nets, and the result spent has the states without such nets. Only a
// trial with more iterations may resume from a spent state.
func (s *Store) Resume(states []Checkpoint, todo []grid.Trial, settled func(key string) bool) (blocks []plan.Block, rest []grid.Trial, left, spent []Checkpoint) {
	if len(states) == 0 {
		return nil, todo, nil, nil
	}
	open := map[string]grid.Trial{}
	for _, t := range todo {
		open[t.Key] = t
	}
	for _, v := range states {
		b := plan.Block{ID: v.ID, Resumed: true, Done: v.done, Skip: make([]bool, len(v.Trials))}
		for i, c := range v.Trials {
			key := c.Key()
			t, ok := open[key]
			if !ok {
				t = grid.Trial{Key: key, Config: c}
			}
			b.Trials = append(b.Trials, t)
			b.Skip[i] = true
		}
		fits, needed := plan.BlockID(b.Trials) == v.ID, false
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
