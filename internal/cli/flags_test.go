package cli

import (
	"errors"
	"testing"
)

func TestUnknownFlag(t *testing.T) {
	also := map[string]string{"learning-rate": "lr", "folder": "out"}
	for arg, want := range map[string]string{
		"-lrs":           "there is no flag -lrs (did you mean -lr?)",
		"-learning-rate": "there is no flag -learning-rate (did you mean -lr?)",
		"-Learning_Rate": "there is no flag -Learning_Rate (did you mean -lr?)",
		"-folder":        "there is no flag -folder",
		"-verison":       "there is no flag -verison (did you mean -version?)",
		"-x–y":           "there is no flag -x–y (it has an en dash, U+2013; type x-y)",
	} {
		t.Run(arg, func(t *testing.T) {
			fs := NewFlags("test")
			fs.Float64("lr", 0, "")
			err := fs.Parse([]string{arg, "1"})
			if got, ok := UnknownFlag(fs, err, also, "version"); !ok || got != want {
				t.Errorf("error %v gives %q, want %q", err, got, want)
			}
		})
	}
	if got, ok := UnknownFlag(NewFlags("test"), errors.New("flag needs an argument: -lr"), nil); ok {
		t.Errorf("another error gives %q", got)
	}
}
