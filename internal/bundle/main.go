// Bundle writes report/web/report.min.js: the script of the page, with the libraries that it uses. It reads
// files of this repository only. It runs with
//
//	go generate ./report
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	text, err := bundle("web") // go generate runs in the folder of the package report
	if err == nil {
		err = os.WriteFile(filepath.Join("web", name), text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

// name is the name of the bundle in the folder web.
const name = "report.min.js"

// bundle returns the script from the sources in the folder web.
func bundle(web string) ([]byte, error) {
	dir, err := filepath.Abs(web)
	if err != nil {
		return nil, err
	}
	library := func(parts ...string) string { return filepath.Join(append([]string{dir, "third_party"}, parts...)...) }
	r := api.Build(api.BuildOptions{
		EntryPoints:   []string{filepath.Join(dir, "src", "main.ts")},
		AbsWorkingDir: dir,
		Alias: map[string]string{
			"uplot":     library("uplot", "uPlot.esm.js"),
			"d3-array":  library("d3-array", "d3-array.mjs"),
			"d3-format": library("d3-format", "d3-format.mjs"),
		},
		TsconfigRaw:       `{"compilerOptions":{"target":"ES2022","strict":true}}`,
		Bundle:            true,
		Format:            api.FormatIIFE,
		Target:            api.ES2022,
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone, // NOTICE has the licences
		LogLevel:          api.LogLevelSilent,
	})
	if len(r.Errors) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(api.FormatMessages(r.Errors, api.FormatMessagesOptions{}), ""))
	}
	text := r.OutputFiles[0].Contents
	if strings.Contains(strings.ToLower(string(text)), "</script") {
		return nil, fmt.Errorf("the bundle has the text </script, which would end its element in the page")
	}
	return text, nil
}
