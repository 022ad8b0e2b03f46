package blocked

import (
	"fmt"
	"math"
	"slices"

	"fusegrid/internal/pages"
	"fusegrid/kernels"
)

// flipped is the layout for few lanes, which would leave much of a vector empty. Instead, images
// lie along the vectors in X·W, pixels lie along them in Xᵀ·d, and weights and deltas are the
// scalars. Only the vectors of the last images are partial. Images stay bytes, which fit the L2
// cache, until their panel is multiplied.
//
// Weights lie in tiles of NR rows × room lanes: element (p, l) is at p/NR·NR·room + l·NR + p mod
// NR. The padding consists of the rows of the last tile beyond the matrix and of the lanes beyond
// those in use.
type flipped[T kernels.Float] struct {
	*layer[T]
	room int // lanes in a tile
}

const (
	pixelTile  = 64 // neighbouring pixels of an image, one cache line of bytes
	imageLanes = 16 // images that Micro.PackImageLanes packs at a time
	copyImages = 8  // images that Micro.CopyTiles copies at a time
)

func (f flipped[T]) String() string { return fmt.Sprintf("tiles of %d×%d", f.room, f.micro.Tile.NR) }

func (f flipped[T]) Size(rows, lanes int) int {
	nr := f.micro.Tile.NR
	switch {
	case lanes > f.room:
		return math.MaxInt
	case rows == 0 || lanes == 0:
		return 0
	}
	return (rows-1)/nr*nr*f.room + lanes*nr
}

func (f flipped[T]) Runs(rows, l int) (first, length, stride int) {
	nr := f.micro.Tile.NR
	return l * nr, nr, f.room * nr
}

// rowsOf returns the view of rows [p0, p1), where p0 is the first row of a tile.
func (f flipped[T]) rowsOf(w kernels.Panels[T], p0, p1 int) kernels.Panels[T] {
	w.Rows, w.Data = p1-p0, w.Data[p0*f.room:]
	w.Data = w.Data[:f.Size(w.Rows, w.Lanes)]
	return w
}

func (f flipped[T]) Squares(dst []T, w kernels.Panels[T]) {
	sums := make([]T, kernels.SumLanes[T]()*w.Lanes)
	f.addSquares(sums, w)
	f.foldSquares(dst, sums)
}

// addSquares adds the squares of weights to sums. Each lane has SumLanes sums, in tiles without
// padding, and row p goes to sum p mod SumLanes of its lane. Row 0 of the weights goes to sum 0.
func (f flipped[T]) addSquares(sums []T, w kernels.Panels[T]) {
	nr := f.micro.Tile.NR
	tile, p := w.Lanes*nr, 0
	if w.Lanes == f.room { // the tiles have no padding, so AddSquares takes all at once
		p = w.Rows / nr * nr
		f.slots.AddSquares(sums, w.Data[:p*f.room])
	}
	for ; p < w.Rows; p += nr {
		dst, src := sums[p%kernels.SumLanes[T]()*w.Lanes:][:tile], w.Data[p*f.room:][:tile]
		if rows := w.Rows - p; rows < nr {
			for at := 0; at < tile; at += nr {
				f.slots.AddSquares(dst[at:at+rows], src[at:at+rows])
			}
			return
		}
		f.slots.AddSquares(dst, src)
	}
}

// foldSquares adds the upper half of the sums of each lane to the lower half until one is left.
func (f flipped[T]) foldSquares(dst, sums []T) {
	nr := f.micro.Tile.NR
	for tiles := kernels.SumLanes[T]() / nr; tiles > 1; tiles /= 2 {
		half := tiles / 2 * nr * len(dst)
		f.slots.Axpby(1, sums[half:2*half], 1, sums[:half])
	}
	for l := range dst {
		sum := sums[l*nr:][:nr]
		for n := nr / 2; n > 0; n /= 2 {
			for i := range n {
				sum[i] += sum[i+n]
			}
		}
		dst[l] = sum[0]
	}
}

func (f flipped[T]) Span(rows, lanes, l0, l1 int) kernels.Span {
	nr := f.micro.Tile.NR
	return kernels.Span{First: l0 * nr, Length: (l1 - l0) * nr, Stride: f.room * nr, Count: (rows + nr - 1) / nr, End: l1}
}

func (f flipped[T]) NewImages(images, pixels int) kernels.Images[T] {
	// The extra room lets PackImageLanes read imageLanes images from any image on. The stride is an
	// odd number of cache lines, so the lines of one image spread over many cache sets.
	stride := (roundUp(images+imageLanes, imageLanes) | 1) * pixelTile
	tiles := (pixels + pixelTile - 1) / pixelTile
	return &flippedImages[T]{
		flipped: f, pixels: pixels, stride: stride,
		data: pages.Make[uint8](tiles * stride), mean: pages.Make[T](tiles * pixelTile),
	}
}

// flippedImages is a minibatch of bytes in tiles of pixelTile pixels: pixel p of image i is at
// p/pixelTile·stride + i·pixelTile + p mod pixelTile. Both products pack consecutive whole cache
// lines.
type flippedImages[T kernels.Float] struct {
	flipped[T]
	pixels int
	n      int // images that were loaded last
	stride int // between tiles of one image
	data   []uint8
	mean   []T                    // padded with zeros to whole tiles
	lists  [2 * copyImages]*uint8 // scratch of Load
}

func (x *flippedImages[T]) Load(images []uint8, idx []int, mean []T) {
	x.n = len(idx)
	copy(x.mean, mean)
	d := x.pixels
	// list sets dst to the images from image i on. Beyond the end, it repeats the last image.
	list := func(dst []*uint8, i int) {
		for r := range dst {
			dst[r] = &images[idx[min(i+r, len(idx)-1)]*d]
		}
	}
	now, next := x.lists[:copyImages], x.lists[copyImages:]
	list(next, 0)
	whole := d / pixelTile
	for i := 0; i < len(idx) && whole > 0; i += copyImages {
		now, next = next, now
		list(next, i+copyImages)
		x.micro.CopyTiles(x.data[i*pixelTile:], now, next, whole, x.stride)
	}
	clear(x.lists[:]) // drop references to the caller's images
	if p := whole * pixelTile; p < d {
		for i, j := range idx {
			copy(x.bytes(p, i), images[j*d+p:(j+1)*d])
		}
	}
}

// bytes returns the bytes from pixel p of image i on, where p is the first pixel of a panel.
func (x *flippedImages[T]) bytes(p, i int) []uint8 {
	return x.data[p/pixelTile*x.stride+i*pixelTile+p%pixelTile:]
}

// Parts returns the number of panels of images for Forward, and the number of tiles of rows for
// Update.
func (x *flippedImages[T]) Parts(w kernels.Panels[T]) (forward, update int) {
	return x.panels(x.n), x.panels(w.Rows)
}

// kc returns the largest number of terms for which a panel of images or of pixels stays in the L1
// cache.
func (x *flippedImages[T]) kc() int {
	var zero T
	return flippedPanel / sizeOf(zero) / x.micro.Tile.NR
}

func (x *flippedImages[T]) Forward(z kernels.Mat[T], w kernels.Panels[T], squares []T, lo, hi int) {
	ws := x.pool.Get().(*workspace[T])
	s, nr := &ws.s, x.micro.Tile.NR
	first, end := x.span(lo, hi, x.n)
	z = z.Slice(first, end, 0, z.Cols)
	if lo > 0 {
		squares = nil // the first part computes the squares of all lanes
	}
	kc := balance(min(w.Rows, kernels.Piece), x.kc(), pixelTile)
	ws.vector = grow(ws.vector, roundUp(min(kc, w.Rows), pixelTile)*nr)
	ws.strip = grow(ws.strip, w.Lanes*nr)
	ws.partial.grow(w.Lanes*roundUp(z.Rows, nr), w.Rows, kc)
	if squares != nil {
		ws.squares = grow(ws.squares, kernels.SumLanes[T]()*w.Lanes)
		clear(ws.squares)
	}
	s.alpha, s.rows = 1, w.Lanes
	s.Vec, s.VecStride = ws.vector, nr
	s.ScalarStride, s.ScalarKStride = nr, 1
	s.Run, s.RunSkip = nr, x.room*nr-nr
	for k, summed := 0, 0; k < w.Rows; k += s.K {
		s.K = blockEnd(k, kc, w.Rows) - k
		s.scalar = w.Data[k*x.room:]
		for i := 0; i < z.Rows; {
			images := x.width(z.Rows - i)
			for lane := 0; lane < images; lane += imageLanes {
				x.micro.PackImageLanes(ws.vector[lane:], x.bytes(k, first+i+lane), x.mean[k:], (s.K+pixelTile-1)/pixelTile, x.stride)
			}
			s.Cols = x.wholeWidth(images)
			ws.partial.setBlock(s, k, w.Rows, i*w.Lanes)
			if s.keep == nil {
				s.out.Dst, s.out.Stride = ws.strip, nr
			}
			x.multiply(ws)
			if s.keep == nil {
				t := &ws.move
				t.Rows, t.Cols, t.Src, t.SrcStride = w.Lanes, images, ws.strip, nr
				t.Dst, t.Stride = z.Data[i*z.Stride:], z.Stride
				x.micro.Transpose(t)
			}
			i += images
		}
		// Squares are added for many rows at a time, while these weights are still in the cache.
		if end := k + s.K; squares != nil && (end-summed >= 16*kernels.SumLanes[T]() || end == w.Rows) {
			x.addSquares(ws.squares, x.rowsOf(w, summed, end))
			summed = end
		}
	}
	if squares != nil {
		x.foldSquares(squares, ws.squares)
	}
	x.release(ws)
}

func (x *flippedImages[T]) Update(w kernels.Panels[T], beta []T, d kernels.Mat[T], lo, hi int) {
	ws := x.pool.Get().(*workspace[T])
	s, nr, mr := &ws.s, x.micro.Tile.NR, x.micro.PackMR
	first, end := x.span(lo, hi, w.Rows)
	kc := balance(min(x.n, kernels.Piece), x.kc(), 1)
	ws.vector = grow(ws.vector, kc*nr)
	ws.partial.grow(w.Lanes*nr, x.n, kc)
	x.packEvenPanels(ws, d)
	s.alpha, s.rows, s.Cols = 1, w.Lanes, nr
	s.Vec, s.VecStride = ws.vector, nr
	s.ScalarStride, s.ScalarKStride = 1, mr
	s.panelRows, s.PanelStride, s.evenPanels = mr, mr*x.n, true
	s.out = Out[T]{Stride: nr, BetaKind: BetaRows, Beta: beta, BetaStride: 1}
	s.wholeBeta = !slices.Contains(beta, 0)
	for p := first; p < end; p += nr {
		s.out.Dst = w.Data[p*x.room:]
		for i := 0; i < x.n; i += s.K {
			s.K = blockEnd(i, kc, x.n) - i
			s.Run = s.K
			ws.partial.setBlock(s, i, x.n, 0)
			s.scalar = ws.scalar[i*mr:]
			x.micro.PackPixelLanes(ws.vector, x.bytes(p, i), x.mean[p:p+nr], s.K)
			x.multiply(ws)
		}
	}
	x.release(ws)
}

// packEvenPanels packs the deltas d into micro-panels in ws.scalar, with the heights of even
// tiles. Element (i, u) of a micro-panel is at i·PackMR + u from its start. The next micro-panel
// starts after the last image.
func (x *flippedImages[T]) packEvenPanels(ws *workspace[T], d kernels.Mat[T]) {
	mr, at := x.micro.PackMR, 0
	ws.scalar = grow(ws.scalar, (d.Cols+mr-1)/mr*mr*d.Rows)
	for u := 0; u < d.Cols; {
		rows, _ := nextTiles(d.Cols-u, x.micro.Tile.MR, true)
		dst, src := ws.scalar[at:], d.Data[u:]
		// PackScalars always copies PackMR elements of a row, including elements that the
		// micro-panel does not need. Rows with fewer elements before the end of d are copied by the
		// loop below.
		whole := 0
		if len(src) >= mr {
			whole = min((len(src)-mr)/max(d.Stride, 1)+1, d.Rows)
			x.micro.PackScalars(dst, src, whole, d.Stride)
		}
		for i := whole; i < d.Rows; i++ {
			copy(dst[i*mr:i*mr+rows], src[i*d.Stride:])
		}
		u, at = u+rows, at+mr*d.Rows
	}
}
