package kernels

import "slices"

// Packed is what a set with a micro-kernel of ours has for the first layers of nets: weights
// that stay in panels, and images in the order in which both of their products read them. Its
// functions may assume that their arguments were checked, and each is safe for many goroutines but Load.
//
// Products with flipped weights may be parts: of Forward the images from that of index from on, as many as z
// has rows, of Update the pixels from from on, as many as w has steps. With wide weights from is 0.
type Packed[T Float] struct {
	Width   int                  // of a panel or a tile
	Flips   func(lanes int) bool // whether weights of so many lanes are flipped
	Load    func(m *Minibatch[T], x []uint8, idx []int, mean []T)
	Forward func(z Mat[T], m *Minibatch[T], w Panels[T], squares []T, from int)
	Update  func(w Panels[T], beta []T, m *Minibatch[T], d Mat[T], from int)
}

// NewPacked returns the first layer that m, which has a Copy, computes, for [Slots.Packed], with the elementwise
// kernels of s.
func NewPacked[T Float](m Micro[T], s *Slots[T]) *Packed[T] {
	l := &packedLayer[T]{gemm: gemm[T]{micro: m}, slots: s}
	l.pool.New = func() any { return new(workspace[T]) }
	return &Packed[T]{Width: m.Tile.NR, Flips: l.flips, Load: l.load, Forward: l.forward, Update: l.update}
}

type packedLayer[T Float] struct {
	gemm[T]
	slots *Slots[T]
}

// imageGroups is N images of D pixels in groups of full images, pixel by pixel: pixel p of image i
// is at i/full·pitch + p·full + i mod full. The product X·W reads it as groups of rows, Xᵀ·D as tiles of
// full pixels × full images.
type imageGroups[T Float] struct {
	full, pitch int
	data        []T
	rows        []*uint8 // the images of one group
}

// imageSteps is what the steps of Micro.PackImages are a multiple of.
const imageSteps = 16

func (l *packedLayer[T]) load(m *Minibatch[T], x []uint8, idx []int, mean []T) {
	if m.flipped {
		l.loadTiles(&m.tiles, x, idx, mean)
		return
	}
	g, d, full := &m.groups, m.Pixels, l.micro.Group
	// Tiles lie a pitch apart: an odd number of lines, or they would crowd few cache sets.
	g.full, g.pitch = full, scalarPitch[T](d*full)
	g.data = grow(g.data, (len(idx)+full-1)/full*g.pitch+l.micro.Tile.Lanes)
	if len(g.rows) < full {
		g.rows = make([]*uint8, full)
	}
	whole := d &^ (imageSteps - 1)
	for i := 0; i < len(idx); i += full {
		n := min(full, len(idx)-i)
		for r := range full {
			g.rows[r] = &x[idx[i+min(r, n-1)]*d] // what the last group lacks is not read
		}
		dst := g.data[i/full*g.pitch:]
		if whole > 0 {
			l.micro.PackImages(dst, g.rows[:full], mean, whole)
		}
		for p := whole; p < d; p++ {
			for r := range n {
				dst[p*full+r] = T(x[idx[i+r]*d+p]) - mean[p]
			}
		}
	}
	clear(g.rows) // keep no reference to the caller's images
}

// scalars is a minibatch as one of its products sees it, rows × steps, and how that is cut: blocks of
// rows and steps stay in a cache near the core.
type scalars[T Float] struct {
	*imageGroups[T]
	rows, steps         int
	rowBlock, stepBlock int
	tiled               bool // rows are pixels, steps are images
}

func (l *packedLayer[T]) scalars(m *Minibatch[T], tiled bool) scalars[T] {
	s := scalars[T]{imageGroups: &m.groups, rows: m.images, steps: m.Pixels, tiled: tiled}
	unit := SumLanes[T]() // blocks of steps begin where the sums of squares begin again
	if tiled {
		s.rows, s.steps, unit = s.steps, s.rows, s.full
	}
	s.stepBlock = balance(s.steps, l.micro.Depth, unit)
	s.rowBlock = balance(s.rows, max(l.micro.near()/s.stepBlock, s.full), s.full)
	return s
}

// set points s to the block that begins with that row and step.
func (sc *scalars[T]) set(s *Strip[T], row, step int) {
	s.GroupRows = sc.full
	if sc.tiled {
		s.Scalar = sc.data[step/sc.full*sc.pitch+row*sc.full:]
		s.ScalarRow, s.ScalarStep, s.GroupStep = sc.full, 1, sc.full*sc.full
		s.TileSteps, s.TileSkip = sc.full, sc.pitch-sc.full
		return
	}
	s.Scalar = sc.data[row/sc.full*sc.pitch+step*sc.full:]
	s.ScalarRow, s.ScalarStep, s.GroupStep = 1, sc.full, sc.pitch
}

// A view is a matrix in panels, or one whose rows hold all panels: lane l of panel c of row r is at
// c·panel + r·row + l.
type view[T Float] struct {
	data       []T
	panel, row int
}

// at returns the elements from row r and lane l on, where panels have nr lanes.
func (v view[T]) at(r, l, nr int) []T { return v.data[l/nr*v.panel+l%nr+r*v.row:] }

func (p Panels[T]) view() view[T] { return view[T]{p.Data, p.Width * p.Steps, p.Width} }

func (m Mat[T]) view(width int) view[T] { return view[T]{m.Data, width, m.Stride} }

// strips is a product of packed scalars with vectors.
type strips[T Float] struct {
	scalars scalars[T]
	images  int
	lanes   int
	vec     view[T]
	out     view[T]
	beta    []T  // of whole vectors, or nil
	nonzero bool // no β is 0
	padded  bool // all of the last vector of out may be written
	squares []T  // for each panel SumLanes rows, or nil
}

func (l *packedLayer[T]) forward(z Mat[T], m *Minibatch[T], w Panels[T], squares []T, from int) {
	if w.flipped() {
		l.forwardFlipped(z, m, w, squares, from)
		return
	}
	ws := l.pool.Get().(*workspace[T])
	p := strips[T]{images: m.images, scalars: l.scalars(m, false), lanes: w.Lanes, vec: w.view(), out: z.view(w.Width)}
	one := SumLanes[T]() * w.Width
	if squares != nil {
		ws.squares = grow(ws.squares, w.panels()*one)
		clear(ws.squares)
		p.squares = ws.squares
	}
	l.run(ws, &p)
	if squares != nil {
		for c := 0; c < w.Lanes; c += w.Width {
			l.slots.foldSquares(squares[c:min(c+w.Width, w.Lanes)], ws.squares[c/w.Width*one:][:one], w.Width)
		}
	}
	l.release(ws)
}

func (l *packedLayer[T]) update(w Panels[T], beta []T, m *Minibatch[T], d Mat[T], from int) {
	if w.flipped() {
		l.updateFlipped(w, beta, m, d, from)
		return
	}
	ws := l.pool.Get().(*workspace[T])
	lanes := roundUp(w.Lanes, w.Width)
	ws.betas = grow(ws.betas, lanes)
	copy(ws.betas, beta)
	for i := len(beta); i < lanes; i++ {
		ws.betas[i] = 1
	}
	p := strips[T]{images: m.images, scalars: l.scalars(m, true), lanes: w.Lanes, out: w.view(), beta: ws.betas, padded: true}
	p.nonzero = !slices.Contains(beta, 0)
	p.vec = l.packDeltas(ws, d, w.Width)
	l.run(ws, &p)
	l.release(ws)
}

// packDeltas copies d to panels.
func (l *packedLayer[T]) packDeltas(ws *workspace[T], d Mat[T], width int) view[T] {
	ws.vector = grow(ws.vector, d.Rows*roundUp(d.Cols, width))
	o := operand[T]{data: d.Data, lane: 1, step: d.Stride}
	whole := d.Cols / width * width
	if whole > 0 {
		l.packPanels(ws, o, whole, d.Rows)
	}
	if whole < d.Cols {
		m := &ws.move
		m.Rows, m.Cols, m.Src, m.SrcStep = d.Rows, d.Cols-whole, d.Data[whole:], d.Stride
		m.Dst, m.Step, m.BetaKind = ws.vector[whole*d.Rows:], width, BetaNone
		l.micro.Copy(m)
	}
	return view[T]{ws.vector, width * d.Rows, width}
}

// release returns ws to the pool without references to the caller's memory.
func (l *packedLayer[T]) release(ws *workspace[T]) {
	ws.s, ws.move = Strip[T]{}, Move[T]{}
	l.pool.Put(ws)
}

// run computes p, for few enough lanes at a time that the sums that are kept are bounded.
func (l *packedLayer[T]) run(ws *workspace[T], p *strips[T]) {
	sc, nr := &p.scalars, l.micro.Tile.NR
	ws.s.Alpha, ws.s.Unit = 1, true
	// The sums of the forward product, and the deltas of the update, stay near the core.
	most := max(l.micro.near()/p.images/nr, 1) * nr
	for lane := 0; lane < p.lanes; lane += most {
		end := min(lane+most, p.lanes)
		for step := 0; step < sc.steps; step += sc.stepBlock {
			l.block(ws, p, lane, end, step)
		}
	}
}

// block continues the chains of lanes [lane, end) by one block of steps.
func (l *packedLayer[T]) block(ws *workspace[T], p *strips[T], lane, end, step int) {
	s, sc, nr := &ws.s, &p.scalars, l.micro.Tile.NR
	s.K = min(sc.stepBlock, sc.steps-step)
	s.Resume, s.Unfinished = step > 0, step+s.K < sc.steps
	lanes := roundUp(end-lane, nr)
	if s.Resume || s.Unfinished {
		ws.partial = grow(ws.partial, lanes*sc.rows)
	}
	s.VecStep, s.Step = p.vec.row, p.out.row
	for row := 0; row < sc.rows; row += sc.rowBlock {
		s.Rows = min(sc.rowBlock, sc.rows-row)
		sc.set(s, row, step)
		for c := lane; c < end; {
			width := l.width(end - c)
			s.Vec, s.Ahead = p.vec.at(step, c, nr), 0
			if next := c + nr; c%nr == 0 && next < end {
				s.Ahead = p.vec.panel
			}
			s.Dst, s.Cols = p.out.at(row, c, nr), width
			if p.beta != nil {
				s.BetaKind, s.Beta = BetaCols, p.beta[c:]
			}
			if p.padded {
				s.Cols, s.WholeBeta = l.wholeWidth(width), p.nonzero
			}
			if s.Resume || s.Unfinished {
				s.Partial = ws.partial[row*lanes+(c-lane)*s.Rows:]
			}
			var squares []T
			if p.squares != nil && row == 0 && c%nr == 0 {
				squares = p.squares[c*SumLanes[T]():][:SumLanes[T]()*nr]
			}
			l.multiply(s, squares)
			c += width
		}
	}
}

// multiply computes s and, unless squares is nil, adds the squares of its vectors to these sums.
func (l *packedLayer[T]) multiply(s *Strip[T], squares []T) {
	m, after := &l.micro, squares
	s.Squares = nil
	if m.Squares > 0 && s.K%m.Squares == 0 && s.Cols == m.Tile.NR && s.Rows >= s.GroupRows {
		s.Squares, after = squares, nil
	}
	m.Multiply(s)
	if after != nil {
		l.slots.AddSquares(after, s.Vec[:s.K*m.Tile.NR])
	}
}

// wholeWidth returns the lanes of the vectors that hold so many.
func (l *packedLayer[T]) wholeWidth(lanes int) int {
	t := &l.micro.Tile
	switch {
	case lanes <= l.micro.Narrow:
		return l.micro.Narrow
	case lanes <= t.Lanes:
		return t.Lanes
	}
	return t.NR
}
