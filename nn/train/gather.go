package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fusegrid/nn/safetensors"
)

// A Part is one net of a checkpoint: the one that started at position ID and is still training.
type Part struct {
	File *safetensors.File
	ID   int
}

// Gather makes the checkpoint of a block from nets of other checkpoints, in the order of the parts.
// All parts must have done the same number of iterations and must have the same random stream. The
// tensors share memory with the parts.
func Gather(identity string, parts []Part) (safetensors.File, error) {
	if len(parts) == 0 {
		return safetensors.File{}, errors.New("train: gather: a block needs at least one net")
	}
	first := parts[0].File.Meta
	f := safetensors.File{Meta: map[string]string{
		"version":  first["version"],
		"identity": identity,
		"done":     first["done"],
		"stream":   first["stream"],
	}}
	var nets []string
	for k, p := range parts {
		meta := p.File.Meta
		switch id := fmt.Sprint(p.ID); {
		case !slices.Contains(strings.Fields(meta["nets"]), id):
			return safetensors.File{}, fmt.Errorf("train: gather: net %s is not among the nets that still train, %q", id, meta["nets"])
		case meta["version"] != first["version"]:
			return safetensors.File{}, fmt.Errorf("train: gather: versions %q and %q do not mix", first["version"], meta["version"])
		case meta["done"] != first["done"]:
			return safetensors.File{}, fmt.Errorf("train: gather: nets after %s and %s iterations do not mix", first["done"], meta["done"])
		case meta["stream"] != first["stream"]:
			return safetensors.File{}, errors.New("train: gather: the nets have different minibatches to come")
		}
		nets = append(nets, fmt.Sprint(k))
		for _, t := range p.File.Tensors {
			if part, ok := strings.CutPrefix(t.Name, tensorName(p.ID, "")); ok {
				t.Name = tensorName(k, part)
				f.Tensors = append(f.Tensors, t)
			}
		}
	}
	f.Meta["nets"] = strings.Join(nets, " ")
	return f, nil
}
