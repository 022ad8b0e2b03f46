package fusegrid

import (
	"fmt"
	"strings"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
)

// ForType returns the set that computes with a type of sweeps and that has the name of set. For f32
// and f64, this is set. For bfp16 and bfp16d8, it is a set of class [kernels.BFP16] or
// [kernels.BFP16D8], or an error if no such set exists. The reference is not of class FMA, so its name
// stands for the set of this class in plain Go, with first layers in plain Go. All sets that ForType
// returns for bfp16 give the same bits, and so do those for bfp16d8.
func ForType(set *kernels.Set, dtype string) (*kernels.Set, error) {
	class := kernels.ClassOf(dtype)
	if class == "" {
		return set, nil
	}
	if made := integers(set, class); made != nil {
		return made, nil
	}
	var names []string
	for _, s := range All() {
		if integers(s, class) != nil {
			names = append(names, s.Name)
		}
	}
	return nil, fmt.Errorf("kernel set %s has no first layers of type %s; the choices are %s", set.Name, dtype, strings.Join(names, ", "))
}

// integers returns the set of a class with first layers in integers, or nil if there is none.
func integers(set *kernels.Set, class kernels.Class) *kernels.Set {
	switch {
	case set.Class == class:
		return set
	case set.Class == kernels.FMA && set.Stable:
		return bfp.New(set, class, integerKernels(set.Name))
	case set.Class == kernels.MulAdd && set.Name == reference.New().Name:
		base := reference.Fused()
		base.Name = set.Name
		return bfp.New(base, class, nil)
	}
	return nil
}
