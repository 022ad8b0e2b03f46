package dataset

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	_ "image/jpeg" // the decoders of image.Decode
	_ "image/png"

	"fusegrid/internal/pages"
	"fusegrid/nn/labelled"
)

// A folder of images has one folder for each class, with the PNG and JPEG files of the class. It may
// also have folders train, val and test, each with the folders of the classes.

// A Size is the width and height of images in pixels. The zero value stands for the size of the files.
type Size struct{ Width, Height int }

// maxSide is the maximum width or height of an image file. It bounds the memory of a decoder.
const maxSide = 1 << 13

// A picture is an image file with its class.
type picture struct {
	path  string
	class int
}

// imageFolders returns the folders of training, validation and test in dir, and reports whether dir
// is a folder of images.
func imageFolders(dir string) (parts [3]string, ok bool) {
	for i, name := range []string{"train", "val", "test"} {
		if sub := filepath.Join(dir, name); len(classFolders(sub)) > 0 {
			parts[i] = sub
		}
	}
	if parts[0] == "" {
		parts = [3]string{dir}
	}
	return parts, len(classFolders(parts[0])) > 0
}

// classFolders returns the names of those folders in dir that hold image files.
func classFolders(dir string) (names []string) {
	entries, _ := os.ReadDir(dir) // a folder that cannot be read has no classes
	for _, e := range entries {
		files, _ := os.ReadDir(filepath.Join(dir, e.Name()))
		if slices.ContainsFunc(files, isPicture) {
			names = append(names, e.Name())
		}
	}
	return names
}

// isPicture reports whether a file has the name of an image.
func isPicture(e fs.DirEntry) bool {
	ext := strings.ToLower(filepath.Ext(e.Name()))
	return !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && slices.Contains([]string{".png", ".jpg", ".jpeg"}, ext)
}

// loadTree reads the images below the folders. Samples are in the order of the names of classes and
// files.
func loadTree(name string, parts [3]string, size Size) (*Dataset, error) {
	classes := classFolders(parts[0])
	if len(classes) > labelled.MaxClasses {
		return nil, fmt.Errorf("%s: %d classes, want at most %d", parts[0], len(classes), labelled.MaxClasses)
	}
	var files []picture
	var ends [3]int
	for i, dir := range parts {
		if dir != "" {
			found, err := pictures(dir, classes)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		}
		ends[i] = len(files)
	}
	x, shape, err := decodeAll(files, size)
	if err != nil {
		return nil, err
	}
	all := labelled.Samples{X: x, Y: make([]uint16, len(files))}
	for i, f := range files {
		all.Y[i] = uint16(f.class)
	}
	d := &Dataset{Name: name, Shape: shape, Classes: classes, Train: all.Slice(0, ends[1]), tree: true, sorted: true, val: ends[1] - ends[0]}
	if ends[2] > ends[1] {
		d.Test = all.Slice(ends[1], ends[2])
	}
	d.place = func(test bool, i int) string {
		if test {
			i += ends[1]
		}
		return filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(files[i].path)), filepath.Base(files[i].path)))
	}
	return d, nil
}

// pictures returns the image files of each class below dir.
func pictures(dir string, classes []string) (files []picture, err error) {
	for _, name := range classFolders(dir) {
		class, ok := slices.BinarySearch(classes, name)
		if !ok {
			return nil, fmt.Errorf("%s: there are no training images of class %s", filepath.Join(dir, name), name)
		}
		files = append(files, picturesIn(filepath.Join(dir, name), class)...)
	}
	return files, nil
}

// picturesIn returns the image files in a folder. A folder that cannot be read has none.
func picturesIn(dir string, class int) (files []picture) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if isPicture(e) {
			files = append(files, picture{filepath.Join(dir, e.Name()), class})
		}
	}
	return files
}

// loadPile reads images without labels.
func loadPile(name string, files []picture, size Size) (*Dataset, error) {
	x, shape, err := decodeAll(files, size)
	if err != nil {
		return nil, err
	}
	return &Dataset{
		Name: name, Shape: shape, Train: labelled.Samples{X: x, Y: make([]uint16, len(files))}, tree: true,
		place: func(_ bool, i int) string { return filepath.Base(files[i].path) },
	}, nil
}

// decodeAll reads the files on all cores. It returns the bytes of all images in CHW order. Images
// have one channel if all files are grey, else three.
func decodeAll(files []picture, size Size) ([]uint8, Shape, error) {
	images := make([]decoded, len(files))
	errs := make([]error, len(files))
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			for failed.Load() == 0 {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				if images[i], errs[i] = decodeFile(files[i].path, size); errs[i] != nil {
					failed.Store(1)
				}
			}
		})
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil {
		return nil, Shape{}, err
	}
	shape := Shape{images[0].height, images[0].width, 1}
	for i, im := range images {
		if im.height != shape.Height || im.width != shape.Width {
			return nil, Shape{}, fmt.Errorf("%s: %d×%d pixels, but %s has %d×%d; -resize %[5]dx%[6]d makes all of them equal",
				files[i].path, im.width, im.height, filepath.Base(files[0].path), shape.Width, shape.Height)
		}
		shape.Channels = max(shape.Channels, im.channels())
	}
	x := pages.Make[uint8](len(files) * shape.Dim())
	for i := range images {
		images[i].store(x[i*shape.Dim():(i+1)*shape.Dim()], shape.Channels)
		images[i].pixels = nil
	}
	return x, shape, nil
}

// A decoded is an image with one plane if it is grey, else three.
type decoded struct {
	height, width int
	pixels        []uint8 // (channels, height, width)
}

func (d decoded) channels() int { return len(d.pixels) / (d.height * d.width) }

// store copies the planes to dst. A grey image has its plane for each channel.
func (d decoded) store(dst []uint8, channels int) {
	plane := d.height * d.width
	for c := range channels {
		copy(dst[c*plane:(c+1)*plane], d.pixels[min(c, d.channels()-1)*plane:])
	}
}

// decodeFile reads an image file, and resizes it unless size is zero.
func decodeFile(path string, size Size) (decoded, error) {
	d, err := decode(path)
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, cause(err))
	}
	if size != (Size{}) && (d.width != size.Width || d.height != size.Height) {
		d = d.resized(size)
	}
	return d, nil
}

func decode(path string) (d decoded, err error) {
	f, _, err := openRegular(path, remedyCopy)
	if err != nil {
		return d, err
	}
	defer f.Close()
	config, _, err := image.DecodeConfig(bufio.NewReader(f))
	switch {
	case errors.Is(err, image.ErrFormat):
		if what, _ := foreign(beginning(f)); what != "" {
			return d, fmt.Errorf("%s; want a PNG or JPEG image", what)
		}
		return d, errors.New("is no PNG or JPEG image; remove it, or save it as one")
	case err != nil:
		return d, fmt.Errorf("the image is damaged: %w", err)
	case config.Width < 1 || config.Height < 1 || config.Width > maxSide || config.Height > maxSide:
		return d, fmt.Errorf("the image has %d×%d pixels, want at most %d×%[3]d", config.Width, config.Height, maxSide)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return d, err
	}
	img, _, err := image.Decode(bufio.NewReader(f))
	if err != nil {
		return d, fmt.Errorf("the image is damaged: %w", err)
	}
	return pixelsOf(img)
}

// pixelsOf returns the pixels of an image. Numbers of 16 bits lose their lower 8 bits.
func pixelsOf(img image.Image) (decoded, error) {
	r := img.Bounds()
	d := decoded{height: r.Dy(), width: r.Dx()}
	plane := d.height * d.width
	switch img := img.(type) {
	case *image.Gray:
		d.pixels = make([]uint8, 0, plane)
		for y := range d.height {
			d.pixels = append(d.pixels, img.Pix[y*img.Stride:][:d.width]...)
		}
		return d, nil
	case *image.Gray16:
		d.pixels = make([]uint8, plane)
		for i := range d.pixels {
			d.pixels[i] = img.Pix[i/d.width*img.Stride+i%d.width*2]
		}
		return d, nil
	}
	d.pixels = make([]uint8, 3*plane)
	for i := range plane {
		at := img.At(r.Min.X+i%d.width, r.Min.Y+i/d.width)
		c := color.NRGBAModel.Convert(at).(color.NRGBA)
		if c.A != 255 {
			return d, fmt.Errorf("pixel (%d, %d) is transparent; put the image on a background", i%d.width, i/d.width)
		}
		d.pixels[i], d.pixels[plane+i], d.pixels[2*plane+i] = c.R, c.G, c.B
	}
	return d, nil
}

// resized returns the image in another size. A new pixel is the mean of the area that it covers in
// the old image. The arithmetic is on integers, so all machines have the same bytes.
func (d decoded) resized(size Size) decoded {
	small := decoded{height: size.Height, width: size.Width}
	for c := range d.channels() {
		plane := d.pixels[c*d.height*d.width : (c+1)*d.height*d.width]
		for y := range size.Height {
			for x := range size.Width {
				small.pixels = append(small.pixels, d.area(plane, x, y, size))
			}
		}
	}
	return small
}

// area returns the mean of the area of the new pixel (x, y). Along one side, old pixel i covers
// [i·new, (i+1)·new) and new pixel k covers [k·old, (k+1)·old) of a common measure.
func (d decoded) area(plane []uint8, x, y int, size Size) uint8 {
	sum := uint64(0)
	eachOverlap(y, d.height, size.Height, func(i, high int) {
		eachOverlap(x, d.width, size.Width, func(j, wide int) {
			sum += uint64(high*wide) * uint64(plane[i*d.width+j])
		})
	})
	area := uint64(d.height * d.width)
	return uint8((sum + area/2) / area)
}

// eachOverlap calls f for each old pixel that new pixel k overlaps, with the length of the overlap.
func eachOverlap(k, old, size int, f func(i, length int)) {
	from, to := k*old, (k+1)*old
	for i := from / size; i*size < to; i++ {
		f(i, min(to, (i+1)*size)-max(from, i*size))
	}
}
