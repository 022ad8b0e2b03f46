package fusegrid

import (
	"fmt"
	"strings"

	"fusegrid/kernels"
	"fusegrid/kernels/bfp"
	"fusegrid/kernels/reference"
)

// BFP16 returns the set of class [kernels.BFP16] that has the name of set, or an error if no such set
// exists. The reference is not of class FMA, so its name stands for the set of this class in
// plain Go, with first layers in plain Go. All sets that BFP16 returns give the same bits.
func BFP16(set *kernels.Set) (*kernels.Set, error) {
	if made := bfp16(set); made != nil {
		return made, nil
	}
	var names []string
	for _, s := range All() {
		if bfp16(s) != nil {
			names = append(names, s.Name)
		}
	}
	return nil, fmt.Errorf("kernel set %s has no first layers of type bfp16; the choices are %s", set.Name, strings.Join(names, ", "))
}

// bfp16 is [BFP16], but returns nil if there is no set.
func bfp16(set *kernels.Set) *kernels.Set {
	switch {
	case set.Class == kernels.BFP16:
		return set
	case set.Class == kernels.FMA && set.Stable:
		return bfp.New(set, integerKernels(set.Name))
	case set.Class == kernels.MulAdd && set.Name == reference.New().Name:
		base := reference.Fused()
		base.Name = set.Name
		return bfp.New(base, nil)
	}
	return nil
}
