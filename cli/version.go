package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set when a release is built: -ldflags "-X main.release=1.0.0".
var release = "dev"

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Example: `  xylem version
  xylem version --output json`,
		Args: needArgs(),
	}
	addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		asJSON, err := wantsJSON(cmd)
		if err != nil {
			return err
		}
		about := struct {
			Version  string `json:"version"`
			Revision string `json:"revision,omitempty"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
		}{release, revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
		if asJSON {
			return writeJSON(a.stdout, about)
		}
		line := "xylem " + about.Version
		if about.Revision != "" {
			line += " (" + about.Revision + ")"
		}
		_, err = fmt.Fprintf(a.stdout, "%s %s %s\n", line, about.Go, about.Platform)
		return err
	}
	return cmd
}

// revision is the commit that the binary was built from, as the Go tool recorded it; empty where it did not.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return ""
}
