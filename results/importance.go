package results

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Importance says how the variance of val among trials divides. All shares are from 0 to 1.
type Importance struct {
	Axes    []Share  // main effects, largest first
	Exact   bool     // the trials are a full grid, and the shares are those of an analysis of variance
	Without []string // values that are left out, such as "lr 0.5", because trials did not train to the end there

	// These shares are 0 unless Exact. Together with the main effects, they add up to 1.
	Pairs float64 // interactions of two axes, all together
	Rest  float64 // interactions of more axes
	Seeds float64 // differences between the seeds of a setting
}

// A Share is the part of the variance that one axis explains.
type Share struct {
	Axis  string
	Share float64
}

// A factor is an axis that varies among trials.
type factor struct {
	name   string
	level  []int // of each trial, from 0
	levels int
	values []string  // of each level
	number []float64 // value of each trial; nil if the axis has words
}

// Importance divides the variance of val. If the trials are a full grid with equally many seeds in
// each point, the division is the analysis of variance of a factorial design: the main effect of an
// axis is the variance of the means over all other axes. Seeds are replicates.
//
// Otherwise the shares of axes are estimates; see [estimate]. They are not exact, and they overlap
// if axes vary together, as in most samples that are not random.
//
// If trials did not train to the end, values of axes are left out until none of these trials remains:
// again and again the value that has most of them.
//
// Importance returns an error that says why there are no shares: half of the trials or too many values
// would be left out, too few axes or trials vary, or all accuracies are equal.
func (t *Table) Importance() (Importance, error) {
	t.dividing.Do(func() { t.shares, t.noShares = t.divide() })
	return t.shares, t.noShares
}

func (t *Table) divide() (Importance, error) {
	factors := factorsOf(t.records, t.vary)
	if len(factors) < 2 {
		return Importance{}, errOneAxis
	}
	records, factors, without := t.ended(factors)
	switch {
	case 2*len(records) <= len(t.records):
		return Importance{}, fmt.Errorf("too many trials did not train to the end: at most %d values of axes, and less than half of the trials, can be left out", mostWithout)
	case len(factors) < 2:
		return Importance{}, errors.New("too many trials did not train to the end: without their values, fewer than 2 axes vary")
	}
	y := make([]float64, len(records))
	for i, r := range records {
		y[i] = *r.Val()
	}
	if slices.Min(y) == slices.Max(y) {
		return Importance{}, errors.New("val is equal in all trials")
	}
	var im Importance
	var err error
	if cell, cells := cross(factors, len(y)); cells > 0 && even(cell, cells) {
		im = exact(factors, y, cell, cells)
	} else {
		im, err = estimate(pooled(factors, y))
	}
	im.Without = without
	return im, err
}

// errOneAxis is the reason if fewer than two axes vary.
var errOneAxis = errors.New("fewer than two axes vary")

// mostWithout is the largest number of values that are left out.
const mostWithout = 4

// ended returns the trials that remain if values of axes are left out until all trials have trained to
// the end, their factors, and the values. The argument has the factors of all trials. It returns no trials if it would
// leave out too many values.
func (t *Table) ended(factors []factor) (records []*Record, axes []factor, without []string) {
	records = t.records
	lacks := func(r *Record) bool { return r.State != Done || r.Val() == nil }
	for slices.ContainsFunc(records, lacks) {
		if len(without) == mostWithout {
			return nil, nil, nil
		}
		var most, all int
		var axis factor
		var worst int
		for _, f := range factors {
			bad, trials := make([]int, f.levels), make([]int, f.levels)
			for i, r := range records {
				trials[f.level[i]]++
				if lacks(r) {
					bad[f.level[i]]++
				}
			}
			for level, n := range bad {
				if n > most || n == most && trials[level] < all {
					most, all, axis, worst = n, trials[level], f, level
				}
			}
		}
		if most == 0 { // the trials differ only in their seeds
			return nil, nil, nil
		}
		var rest []*Record
		for i, r := range records {
			if axis.level[i] != worst {
				rest = append(rest, r)
			}
		}
		value := axis.values[worst]
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			value = strconv.FormatFloat(number, 'g', fewDigits, 64)
		}
		without = append(without, axis.name+" "+value)
		records, factors = rest, factorsOf(rest, t.vary)
	}
	return records, factors, without
}

// factorsOf returns those of the fields that have at least two values. The seed is no axis.
func factorsOf(records []*Record, fields []configField) []factor {
	var all []factor
	var text []byte
	for _, field := range fields {
		if field.name == "seed" {
			continue
		}
		f := factor{name: field.name, level: make([]int, len(records)), number: make([]float64, len(records))}
		seen := map[string]int{}
		for i, r := range records {
			text = field.value(text[:0], &r.Config)
			level, ok := seen[string(text)]
			if !ok {
				level = len(seen)
				seen[string(text)] = level
				f.values = append(f.values, string(text))
			}
			f.level[i] = level
			if f.number == nil {
				continue
			}
			number, err := strconv.ParseFloat(string(text), 64)
			if f.number[i] = number; err != nil {
				f.number = nil
			}
		}
		if f.levels = len(seen); f.levels > 1 {
			all = append(all, f)
		}
	}
	return all
}

// cross returns the cell of each trial in the grid of the factors, and the number of cells. It returns 0
// cells if there are more cells than trials.
func cross(factors []factor, trials int) (cell []int, cells int) {
	cell, cells = make([]int, trials), 1
	for _, f := range factors {
		if cells *= f.levels; cells > trials {
			return nil, 0
		}
		for i, level := range f.level {
			cell[i] = cell[i]*f.levels + level
		}
	}
	return cell, cells
}

// even reports whether each cell has equally many trials.
func even(cell []int, cells int) bool {
	counts := make([]int, cells)
	for _, c := range cell {
		counts[c]++
	}
	return slices.Min(counts) == slices.Max(counts)
}

// between returns the sum of squares between groups of trials: the sum of n·(mean of the group − mean
// of all)². The sum of y must be 0.
func between(group []int, groups int, y []float64) (sum float64) {
	sums, counts := make([]float64, groups), make([]float64, groups)
	for i, g := range group {
		sums[g] += y[i]
		counts[g]++
	}
	for g := range sums {
		if counts[g] > 0 {
			sum += sums[g] * sums[g] / counts[g]
		}
	}
	return sum
}

// centred returns the differences of y to its mean, and the sum of their squares.
func centred(y []float64) (differences []float64, squares float64) {
	differences = slices.Clone(y)
	var mean float64
	for _, v := range y {
		mean += v - y[0] // close to 0, so that less is rounded
	}
	mean = y[0] + mean/float64(len(y))
	for i := range differences {
		differences[i] -= mean
		squares += differences[i] * differences[i]
	}
	return differences, squares
}

// exact returns the analysis of variance of a full grid with equally many trials in each cell.
func exact(factors []factor, y []float64, cell []int, cells int) Importance {
	y, total := centred(y)
	im := Importance{Exact: true}
	main := make([]float64, len(factors))
	var mains, pairs float64
	for a, f := range factors {
		main[a] = between(f.level, f.levels, y)
		mains += main[a]
		im.Axes = append(im.Axes, Share{f.name, part(main[a], total)})
	}
	for a := range factors {
		for b := range a {
			both, groups := cross([]factor{factors[a], factors[b]}, len(y))
			pairs += between(both, groups, y) - main[a] - main[b]
		}
	}
	points := between(cell, cells, y)
	im.Pairs, im.Rest, im.Seeds = part(pairs, total), part(points-mains-pairs, total), part(total-points, total)
	sortShares(im.Axes)
	return im
}

// part returns the share of x in total. Shares that are due to rounding become 0.
func part(x, total float64) float64 {
	const rounding = 1e-12
	if share := x / total; share > rounding {
		return share
	}
	return 0
}

func sortShares(axes []Share) {
	slices.SortStableFunc(axes, func(a, b Share) int { return cmp.Compare(b.Share, a.Share) })
}

// Limits of an estimate.
const (
	fewTrials = 30 // fewer trials give no estimate
	mostBins  = 10
	perBin    = 5 // least number of trials in a bin, on average
)

// pooled returns one trial for each setting, with the mean of its seeds. Seeds of one setting are no
// independent trials of its values, so they would let chance look like an effect.
func pooled(factors []factor, y []float64) ([]factor, []float64) {
	at := map[string]int{} // number of a setting by its levels
	var first []int        // trial of each setting
	sums, counts := []float64{}, []float64{}
	for i, v := range y {
		var key []byte
		for _, f := range factors {
			key = strconv.AppendInt(append(key, ' '), int64(f.level[i]), 10)
		}
		k, ok := at[string(key)]
		if !ok {
			k = len(first)
			at[string(key)], first, sums, counts = k, append(first, i), append(sums, 0), append(counts, 0)
		}
		sums[k] += v
		counts[k]++
	}
	means, fewer := make([]float64, len(first)), slices.Clone(factors)
	for k := range means {
		means[k] = sums[k] / counts[k]
	}
	for j, f := range factors {
		fewer[j].level, fewer[j].number = make([]int, len(first)), nil
		if f.number != nil {
			fewer[j].number = make([]float64, len(first))
		}
		for k, i := range first {
			fewer[j].level[k] = f.level[i]
			if f.number != nil {
				fewer[j].number[k] = f.number[i]
			}
		}
	}
	return fewer, means
}

// estimate estimates the main effects from settings that are no full grid. The values of an axis are its
// groups, or, if there are many, bins of equally many trials. The share is ε² = (B − (g−1)·W/(n−g)) / (B + W),
// where B and W are the sums of squares between and within the g groups of n trials (T. L. Kelley, 1935).
// It is the share between groups without the part that chance alone would give. Negative shares become 0.
func estimate(factors []factor, y []float64) (Importance, error) {
	n := len(y)
	if n < fewTrials {
		return Importance{}, fmt.Errorf("%s are no full grid, and an estimate needs %d", countOf(n, "setting"), fewTrials)
	}
	y, total := centred(y)
	var im Importance
	for _, f := range factors {
		group, groups := f.bins()
		if groups == 0 {
			return Importance{}, fmt.Errorf("the trials are no full grid, and %s has %d values; the limit for an estimate from %d settings is %d", f.name, f.levels, n, f.most())
		}
		b := between(group, len(y), y)
		chance := float64(groups-1) * (total - b) / float64(n-groups)
		im.Axes = append(im.Axes, Share{f.name, part(b-chance, total)})
	}
	sortShares(im.Axes)
	return im, nil
}

// most returns the maximum number of groups.
func (f factor) most() int { return min(mostBins, len(f.level)/perBin) }

// bins returns the groups of trials by the values of f. It returns 0 groups if f has too many words.
func (f factor) bins() (group []int, groups int) {
	most := f.most()
	if f.levels <= most {
		return f.level, f.levels
	}
	if f.number == nil {
		return nil, 0
	}
	sorted := slices.Sorted(slices.Values(f.number))
	group = make([]int, len(f.number))
	full := make([]bool, most)
	for i, v := range f.number {
		first, _ := slices.BinarySearch(sorted, v) // equal values are in one bin
		group[i] = first * most / len(sorted)
		full[group[i]] = true
	}
	for _, has := range full {
		if has {
			groups++
		}
	}
	return group, groups
}

// importance returns a sentence on the importance of the axes, or nothing if fewer than two axes vary.
func (t *Table) importance() []string {
	im, err := t.Importance()
	switch {
	case err == errOneAxis:
		return nil
	case err != nil:
		return []string{fmt.Sprintf("The importance of the axes is not shown, because %v.", err)}
	}
	return []string{im.String()}
}

// String returns the shares in a sentence.
func (im Importance) String() string {
	parts := slices.Clone(im.Axes)
	how := "an estimate, because the trials are no full grid"
	if im.Exact {
		how = "exact, by analysis of variance"
		for _, s := range []Share{{"pairs of axes", im.Pairs}, {"rest", im.Rest}, {"seeds", im.Seeds}} {
			if s.Share > 0 {
				parts = append(parts, s)
			}
		}
	}
	if len(im.Without) > 0 {
		how += ", without " + strings.Join(im.Without, ", ")
	}
	var texts []string
	for _, s := range parts {
		texts = append(texts, s.Axis+" "+percent(s.Share))
	}
	return fmt.Sprintf("Shares of the variance of val (%s): %s.", how, strings.Join(texts, ", "))
}

// percent returns a share in whole percents.
func percent(share float64) string {
	switch {
	case share == 0:
		return "0%"
	case share < 0.01:
		return "<1%"
	}
	return strconv.FormatFloat(100*share, 'f', 0, 64) + "%"
}
