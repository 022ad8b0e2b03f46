package kernels

import (
	"slices"

	"fusegrid/internal/pages"
)

// A first layer of few units would fill its last vector badly. Flipped, the images lie along the
// vectors in X·W, the pixels in Xᵀ·d, and weights and deltas are scalars: no lanes are left over but those of
// the last images. Images stay bytes, which the L2 cache holds, until just before a panel of them is met.

const (
	pixelTile  = 64 // pixels of an image that lie together: a cache line of bytes
	imageLanes = 16 // images that Micro.PackImageLanes packs at a time
	copyImages = 8  // images that Micro.CopyTiles copies at a time
)

// imageTiles is the bytes of images in tiles of pixelTile pixels: pixel p of image i is at
// p/pixelTile·pitch + i·pixelTile + p mod pixelTile. Both ways to pack them read whole lines that
// lie one after the other.
type imageTiles[T Float] struct {
	pixels int
	pitch  int
	data   []uint8
	mean   []T // and zeros, so that the last tile is whole
	lists  [2 * copyImages]*uint8
}

func newImageTiles[T Float](images, pixels int) imageTiles[T] {
	// There is room to pack whole lanes from any image on. An odd number of lines from a tile to the
	// next: those of one image would crowd few cache sets.
	pitch := (roundUp(images+imageLanes, imageLanes) | 1) * pixelTile
	tiles := (pixels + pixelTile - 1) / pixelTile
	return imageTiles[T]{pixels: pixels, pitch: pitch, data: pages.Make[uint8](tiles * pitch), mean: grow[T](nil, tiles*pixelTile)}
}

func (l *packedLayer[T]) loadTiles(t *imageTiles[T], x []uint8, idx []int, mean []T) {
	copy(t.mean, mean)
	d := t.pixels
	// Images to copy now and next; what the last copy lacks is the last image again.
	list := func(dst []*uint8, i int) {
		for r := range dst {
			dst[r] = &x[idx[min(i+r, len(idx)-1)]*d]
		}
	}
	now, next := t.lists[:copyImages], t.lists[copyImages:]
	list(next, 0)
	whole := d / pixelTile
	for i := 0; i < len(idx) && whole > 0; i += copyImages {
		now, next = next, now
		list(next, i+copyImages)
		l.micro.CopyTiles(t.data[i*pixelTile:], now, next, whole, t.pitch)
	}
	clear(t.lists[:]) // keep no reference to the caller's images
	if p := whole * pixelTile; p < d {
		for i, j := range idx {
			copy(t.from(p, i), x[j*d+p:(j+1)*d])
		}
	}
}

// from returns the bytes from pixel p, which begins a panel, of image i on.
func (t *imageTiles[T]) from(p, i int) []uint8 {
	return t.data[p/pixelTile*t.pitch+i*pixelTile+p%pixelTile:]
}

// flippedDepth returns the most steps of a block: a panel of images or of pixels stays in the L1 cache.
func (l *packedLayer[T]) flippedDepth() int {
	var zero T
	return blockFlipped / sizeOf(zero) / l.micro.Tile.NR
}

// flips reports whether weights of so many lanes are flipped: where vectors along lanes would waste more
// than the second packing of the images and the images that fill no vector cost.
func (l *packedLayer[T]) flips(lanes int) bool {
	m := &l.micro
	return m.PackImageLanes != nil && l.costOfLanes(lanes, flipSingle)*m.Tile.Lanes*1000 > 20*lanes*(1000+m.FlipWaste)
}

// flipSingle is the cost of strips of one vector that the measured FlipWaste goes with.
const flipSingle = 4

// evenGroup returns the rows of the next group where rest are left: full groups while more than two are
// left, then even ones.
func (l *packedLayer[T]) evenGroup(rest int) int {
	full := l.micro.Tile.MR
	switch {
	case rest <= full:
		return rest
	case rest <= 2*full:
		return (rest + 1) / 2
	}
	return full
}

// forwardFlipped computes z = X·W for the images from first on, as many as z has rows.
func (l *packedLayer[T]) forwardFlipped(z Mat[T], m *Minibatch[T], w Panels[T], squares []T, first int) {
	ws := l.pool.Get().(*workspace[T])
	s, x, nr := &ws.s, &m.tiles, l.micro.Tile.NR
	depth := balance(w.Steps, l.flippedDepth(), pixelTile)
	ws.vector = grow(ws.vector, roundUp(min(depth, w.Steps), pixelTile)*nr)
	ws.strip = grow(ws.strip, w.Lanes*nr)
	ws.partial = grow(ws.partial, w.Lanes*roundUp(z.Rows, nr))
	if squares != nil {
		ws.squares = grow(ws.squares, SumLanes[T]()*w.Lanes)
		clear(ws.squares)
	}
	s.Alpha, s.Unit, s.Rows = 1, true, w.Lanes
	s.Vec, s.VecStep = ws.vector, nr
	s.ScalarRow, s.ScalarStep = w.Width, 1
	s.TileSteps, s.TileSkip = w.Width, w.tile()-w.Width
	for step, summed := 0, 0; step < w.Steps; step += depth {
		s.K = min(depth, w.Steps-step)
		s.Resume, s.Unfinished = step > 0, step+s.K < w.Steps
		s.Scalar = w.Data[step*w.Units:]
		for i := 0; i < z.Rows; {
			images := l.width(z.Rows - i)
			for lane := 0; lane < images; lane += imageLanes {
				l.micro.PackImageLanes(ws.vector[lane:], x.from(step, first+i+lane), x.mean[step:], (s.K+pixelTile-1)/pixelTile, x.pitch)
			}
			s.Cols = l.wholeWidth(images)
			s.Partial = ws.partial[i*w.Lanes:]
			if !s.Unfinished {
				s.Dst, s.Step = ws.strip, nr
			}
			l.micro.Multiply(s)
			if !s.Unfinished {
				t := &ws.move
				t.Rows, t.Cols, t.Src, t.SrcStep = w.Lanes, images, ws.strip, nr
				t.Dst, t.Step = z.Data[i*z.Stride:], z.Stride
				l.micro.Transpose(t)
			}
			i += images
		}
		// Some turns of sums together, while the weights are near.
		if end := step + s.K; squares != nil && (end-summed >= 16*SumLanes[T]() || !s.Unfinished) {
			l.slots.addTileSquares(ws.squares, w.steps(summed, end))
			summed = end
		}
	}
	if squares != nil {
		l.slots.foldTileSquares(squares, ws.squares, w.Width)
	}
	l.release(ws)
}

// updateFlipped computes W ← W·diag(β) + Xᵀ·d for the pixels from first on, as many as w has steps.
func (l *packedLayer[T]) updateFlipped(w Panels[T], beta []T, m *Minibatch[T], d Mat[T], first int) {
	ws := l.pool.Get().(*workspace[T])
	s, x, nr := &ws.s, &m.tiles, l.micro.Tile.NR
	depth := balance(m.images, l.flippedDepth(), 1)
	ws.vector = grow(ws.vector, depth*nr)
	if depth < m.images {
		ws.partial = grow(ws.partial, w.Lanes*nr)
		s.Partial = ws.partial
	}
	l.packEvenGroups(ws, d)
	s.Alpha, s.Unit, s.Rows, s.Cols = 1, true, w.Lanes, nr
	s.Vec, s.VecStep = ws.vector, nr
	s.ScalarRow, s.ScalarStep = 1, l.micro.Group
	s.GroupRows, s.GroupStep, s.EvenGroups = l.micro.Group, l.micro.Group*m.images, true
	s.Step, s.BetaKind, s.Beta, s.BetaStep = w.Width, BetaRows, beta, 1
	s.WholeBeta = !slices.Contains(beta, 0)
	for p := 0; p < w.Steps; p += w.Width {
		s.Dst = w.Data[p*w.Units:]
		for i := 0; i < m.images; i += depth {
			s.K = min(depth, m.images-i)
			s.Resume, s.Unfinished = i > 0, i+s.K < m.images
			s.Scalar = ws.scalar[i*s.GroupRows:]
			l.micro.PackPixelLanes(ws.vector, x.from(first+p, i), x.mean[first+p:first+p+nr], s.K)
			l.micro.Multiply(s)
		}
	}
	l.release(ws)
}

// packEvenGroups packs deltas into the scalars of the workspace: element (i, u) of a group at its start +
// i·full + u, and the next group after the last image.
func (l *packedLayer[T]) packEvenGroups(ws *workspace[T], d Mat[T]) {
	full, at := l.micro.Group, 0
	ws.scalar = grow(ws.scalar, (d.Cols+full-1)/full*full*d.Rows)
	for u := 0; u < d.Cols; {
		rows := l.evenGroup(d.Cols - u)
		dst, src := ws.scalar[at:], d.Data[u:]
		// Of rows that go on far enough whole groups are copied, whatever their end is.
		whole := 0
		if len(src) >= full {
			whole = min((len(src)-full)/max(d.Stride, 1)+1, d.Rows)
			l.micro.PackGroup(dst, src, whole, d.Stride)
		}
		for i := whole; i < d.Rows; i++ {
			copy(dst[i*full:i*full+rows], src[i*d.Stride:])
		}
		u, at = u+rows, at+full*d.Rows
	}
}

// addTileSquares adds the squares of flipped weights to sums, which are SumLanes of each lane in tiles like
// those of the weights: step p goes to sum p mod SumLanes of its lane. The weights begin with sum 0.
func (s *Slots[T]) addTileSquares(sums []T, w Panels[T]) {
	tile, p := w.Lanes*w.Width, 0
	if w.Lanes == w.Units { // tiles are end to end: they take turns
		p = w.Steps / w.Width * w.Width
		s.AddSquares(sums, w.Data[:p*w.Units])
	}
	for ; p < w.Steps; p += w.Width {
		dst, src := sums[p%SumLanes[T]()*w.Lanes:][:tile], w.Data[p*w.Units:][:tile]
		if steps := w.Steps - p; steps < w.Width {
			for at := 0; at < tile; at += w.Width {
				s.AddSquares(dst[at:at+steps], src[at:at+steps])
			}
			return
		}
		s.AddSquares(dst, src)
	}
}

// foldTileSquares adds the upper half of the sums of each lane to the lower half until one is left.
func (s *Slots[T]) foldTileSquares(dst, sums []T, width int) {
	for tiles := SumLanes[T]() / width; tiles > 1; tiles /= 2 {
		half := tiles / 2 * width * len(dst)
		s.Axpby(1, sums[half:2*half], 1, sums[:half])
	}
	for l := range dst {
		sum := sums[l*width:][:width]
		for n := width / 2; n > 0; n /= 2 {
			for i := range n {
				sum[i] += sum[i+n]
			}
		}
		dst[l] = sum[0]
	}
}

// axpbyTiles is AxpbyPanels of flipped weights.
func (s *Slots[T]) axpbyTiles(alpha []T, x Panels[T], beta []T, y Panels[T]) {
	for l := 0; l < y.Lanes; {
		// Neighbours with the same factors go together.
		end := l + 1
		for end < y.Lanes && sameBits(alpha[end], alpha[l]) && sameBits(beta[end], beta[l]) {
			end++
		}
		lo, hi := l*y.Width, end*y.Width
		for p := 0; p < y.Steps; p += y.Width {
			at := p * y.Units
			s.Axpby(alpha[l], x.Data[at+lo:at+hi], beta[l], y.Data[at+lo:at+hi])
		}
		l = end
	}
}
