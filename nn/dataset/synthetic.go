package dataset

import (
	"math/rand/v2"

	"fusegrid/nn/labelled"
)

// Sizes of the synthetic set; DefaultSplit trains on 10,000.
const (
	syntheticTrain = 11000
	syntheticTest  = 1000
)

// Synthetic generates a set in the format of CIFAR-10 that needs no download: ten classes of
// shapes, 11,000 training and 1,000 test images. Position, size, colours and background vary,
// distractors cover parts of the shapes, and all pixels are noisy. A few percent of the labels are
// wrong. These difficulties keep the accuracy of a two-layer net well between chance and 1. A seed
// gives the same bytes on every machine, because all arithmetic is on integers.
func Synthetic(seed uint32) *Dataset {
	d := &Dataset{
		Name:  "synthetic",
		Shape: cifarShape(),
		Train: newImages(syntheticTrain),
		Test:  newImages(syntheticTest),
	}
	p := &painter{src: rand.NewPCG(uint64(seed), 0), shapes: shapes()}
	for _, s := range p.shapes {
		d.Classes = append(d.Classes, s.name)
	}
	for _, im := range []labelled.Samples{d.Train, d.Test} {
		for i := range im.Len() {
			im.Y[i] = uint16(p.intn(numClasses))
			p.paint(im.X[i*Dim:(i+1)*Dim], int(im.Y[i]))
			if p.intn(100) < wrongLabels {
				im.Y[i] = uint16(p.intn(numClasses))
			}
		}
	}
	return d
}

// wrongLabels is the percentage of images whose label is replaced by a random label.
const wrongLabels = 4

// A shape is a class of images. The function inside reports whether the point (u, v) belongs to the
// shape. Coordinates are relative to the centre, and the radius is 256.
type shape struct {
	name   string
	colour [Channels]int // typical colour
	inside func(u, v int) bool
}

func shapes() []shape {
	square := func(u, v int) int { return max(abs(u), abs(v)) }
	return []shape{
		{"disc", [...]int{200, 80, 70}, func(u, v int) bool { return u*u+v*v < 256*256 }},
		{"ring", [...]int{80, 190, 90}, func(u, v int) bool { r := u*u + v*v; return r < 256*256 && r > 150*150 }},
		{"square", [...]int{80, 100, 200}, func(u, v int) bool { return square(u, v) < 225 }},
		{"frame", [...]int{200, 180, 70}, func(u, v int) bool { r := square(u, v); return r < 240 && r > 150 }},
		{"plus", [...]int{180, 80, 190}, func(u, v int) bool { return square(u, v) < 256 && min(abs(u), abs(v)) < 75 }},
		{"saltire", [...]int{80, 190, 190}, func(u, v int) bool { return square(u, v) < 240 && abs(abs(u)-abs(v)) < 95 }},
		{"triangle", [...]int{210, 130, 60}, func(u, v int) bool { return v < 200 && 2*abs(u) < v+256 }},
		{"diamond", [...]int{120, 110, 110}, func(u, v int) bool { return abs(u)+abs(v) < 290 }},
		{"rows", [...]int{150, 90, 60}, func(u, v int) bool { return square(u, v) < 256 && (v+256)/103%2 == 0 }},
		{"columns", [...]int{90, 150, 60}, func(u, v int) bool { return square(u, v) < 256 && (u+256)/103%2 == 0 }},
	}
}

// A painter draws images from a stream of random numbers.
type painter struct {
	src    *rand.PCG
	shapes []shape
}

// intn returns a number in [0, n) for n below 2³². Its bias is at most n/2³².
func (p *painter) intn(n int) int {
	return int(p.src.Uint64() >> 32 * uint64(n) >> 32)
}

// between returns a number in [lo, hi].
func (p *painter) between(lo, hi int) int { return lo + p.intn(hi-lo+1) }

// paint draws an image of the class into dst (Dim) in CHW order.
func (p *painter) paint(dst []uint8, class int) {
	var canvas [Height * Width][Channels]int
	p.background(&canvas)
	s := p.shapes[class]
	colour := p.colour()
	for c := range colour { // mix in the typical colour
		colour[c] = (colour[c]*3 + s.colour[c]*2) / 5
	}
	p.stamp(&canvas, s.inside, colour, p.between(9*16, 14*16), 4*16)
	for range p.intn(3) { // distractors
		p.stamp(&canvas, p.shapes[p.intn(numClasses)].inside, p.colour(), p.between(3*16, 5*16), 14*16)
	}
	p.finish(dst, &canvas)
}

func (p *painter) colour() (c [Channels]int) {
	for i := range c {
		c[i] = p.between(20, 235)
	}
	return c
}

// background paints a gradient from one colour to another in a random direction.
func (p *painter) background(canvas *[Height * Width][Channels]int) {
	a, b := p.colour(), p.colour()
	dx, dy := p.between(-8, 8), p.between(-8, 8)
	for y := range Height {
		for x := range Width {
			// |t| is at most 256.
			t := dx*(2*x-Width+1)/2 + dy*(2*y-Height+1)/2
			for c := range Channels {
				canvas[y*Width+x][c] = (a[c]*(256+t) + b[c]*(256-t)) / 512
			}
		}
	}
}

// stamp paints a shape of the given radius on the canvas. Its centre is at most shift away from the
// middle in each direction. radius and shift are in sixteenths of a pixel. Each pixel is sampled at
// four points, so that edges are smooth.
func (p *painter) stamp(canvas *[Height * Width][Channels]int, inside func(u, v int) bool, colour [Channels]int, radius, shift int) {
	cx := Width*8 + p.between(-shift, shift)
	cy := Height*8 + p.between(-shift, shift)
	scale := 256 * 256 / radius
	for y := max(0, (cy-2*radius)/16); y < min(Height, (cy+2*radius)/16+1); y++ {
		for x := max(0, (cx-2*radius)/16); x < min(Width, (cx+2*radius)/16+1); x++ {
			hits := 0
			for _, at := range [...][2]int{{4, 4}, {12, 4}, {4, 12}, {12, 12}} {
				u := (x*16 + at[0] - cx) * scale / 256
				v := (y*16 + at[1] - cy) * scale / 256
				if inside(u, v) {
					hits++
				}
			}
			px := &canvas[y*Width+x]
			for c := range Channels {
				px[c] = (px[c]*(4-hits) + colour[c]*hits) / 4
			}
		}
	}
}

// finish adds noise and a common brightness to the canvas and writes it to dst.
func (p *painter) finish(dst []uint8, canvas *[Height * Width][Channels]int) {
	light := p.between(-30, 30)
	strength := p.between(10, 45)
	for i := range canvas {
		bits := p.src.Uint64()
		for c := range Channels {
			// The sum of two bytes has mean 255 and is roughly normally distributed.
			noise := int(bits&0xff) + int(bits>>8&0xff) - 255
			bits >>= 16
			dst[c*Height*Width+i] = uint8(min(max(canvas[i][c]+light+noise*strength/128, 0), 255))
		}
	}
}

func abs(n int) int { return max(n, -n) }
