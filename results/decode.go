package results

import (
	"runtime"
	"sync"

	"fusegrid/internal/strictjson"
)

// A decoder decodes the records of lines.
type decoder struct{ *strictjson.Decoder[Record] }

func newDecoder() decoder { return decoder{strictjson.NewDecoder[Record]()} }

// decode sets *r to the record of a line.
func (d decoder) decode(raw []byte, r *Record) error {
	if err := d.Decode(raw, r); err != nil {
		return err
	}
	return r.check()
}

// lotSize is the number of lines that a goroutine decodes at a time.
const lotSize = 256

// A decoding decodes the records of a journal on all cores, because decoding takes much longer than reading. Its
// goroutines end before finish returns.
type decoding struct {
	lot   *lot // takes lines
	free  chan *lot
	parts []*decoded // in the order of the lines
	busy  sync.WaitGroup
}

// A lot holds copies of some lines.
type lot struct {
	decoder
	raw   []byte
	ends  []int // of each line in raw
	lines []int // the numbers of the lines
}

// A decoded value is the outcome of a lot.
type decoded struct {
	records []Record
	damage  []Damage
}

func newDecoding() *decoding {
	cores := runtime.GOMAXPROCS(0)
	d := &decoding{lot: newLot(), free: make(chan *lot, cores)}
	for range cores {
		d.free <- newLot()
	}
	return d
}

func newLot() *lot { return &lot{decoder: newDecoder()} }

func (d *decoding) take(line int, raw []byte) error {
	l := d.lot
	l.raw = append(l.raw, raw...)
	l.ends, l.lines = append(l.ends, len(l.raw)), append(l.lines, line)
	if len(l.ends) == lotSize {
		p := d.next()
		d.busy.Go(func() {
			p.decode(l)
			d.free <- l
		})
		d.lot = <-d.free // waits if all cores are busy
	}
	return nil
}

func (d *decoding) shard([]byte) {}

// next returns the outcome for the next lines.
func (d *decoding) next() *decoded {
	p := new(decoded)
	d.parts = append(d.parts, p)
	return p
}

func (d *decoding) finish() (damage []Damage) {
	d.next().decode(d.lot)
	d.busy.Wait()
	for _, p := range d.parts {
		damage = append(damage, p.damage...)
	}
	return damage
}

// count returns the number of records.
func (d *decoding) count() (n int) {
	for _, p := range d.parts {
		n += len(p.records)
	}
	return n
}

// records returns the records, in the order of the lines.
func (d *decoding) records() []Record {
	all := make([]Record, 0, d.count())
	for _, p := range d.parts {
		all = append(all, p.records...)
		p.records = nil
	}
	return all
}

// latest returns the latest record of each key, in the order in which the keys occur first. It copies no record.
func (d *decoding) latest() []*Record {
	all := make([]*Record, 0, d.count())
	at := make(map[string]int32, cap(all))
	for _, p := range d.parts {
		for i := range p.records {
			r := &p.records[i]
			if first, ok := at[r.Key]; ok {
				all[first] = r
				continue
			}
			at[r.Key] = int32(len(all))
			all = append(all, r)
		}
	}
	return all
}

// decode decodes the lines of a lot and empties it.
func (p *decoded) decode(l *lot) {
	p.records = make([]Record, len(l.ends))
	at, n := 0, 0
	for i, end := range l.ends {
		err := l.decode(l.raw[at:end], &p.records[n])
		if at = end; err != nil {
			p.damage = append(p.damage, Damage{l.lines[i], err.Error()})
			continue
		}
		n++
	}
	p.records = p.records[:n]
	l.raw, l.ends, l.lines = l.raw[:0], l.ends[:0], l.lines[:0]
}
