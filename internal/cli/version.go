package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version returns one line with the name of the command, its version, the Go version and the
// platform. A build from a checkout has the commit as its version.
func Version(command string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return version(command, info)
}

func version(command string, info *debug.BuildInfo) string {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "devel"
		if commit := setting["vcs.revision"]; commit != "" {
			text += fmt.Sprintf(" %.12s", commit)
		}
		if setting["vcs.modified"] == "true" {
			text += " with changes"
		}
	}
	if tags := setting["-tags"]; tags != "" {
		text += ", tags " + tags
	}
	return fmt.Sprintf("%s %s, %s %s/%s", command, text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
