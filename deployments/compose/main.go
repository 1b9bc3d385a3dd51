// Command compose writes the file by which Docker Compose runs a tree, from the
// configuration of that tree. It is run in the project's folder:
//
//	go run ./deployments/compose [--config FILE] > compose.yaml
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"xylem/configs"
)

// folder is where the file has its place: the paths in it are seen from there.
const folder = "deployments/compose"

func main() {
	if err := run(os.Args[1:], os.Getenv("XYLEM_CONFIG"), os.Stdout); err != nil {
		// A configuration may have several problems, a line each below a heading.
		lines := strings.Replace(err.Error(), "\n", ": ", 1)
		fmt.Fprintln(os.Stderr, "compose:", strings.ReplaceAll(lines, "\n", "; "))
		os.Exit(1)
	}
}

// run writes the file to stdout, or nothing. Of the environment only the name of the
// configuration counts: what else is set there the containers will not see.
func run(args []string, config string, stdout io.Writer) error {
	flags := flag.NewFlagSet("compose", flag.ExitOnError)
	if config == "" {
		config = configs.DefaultPath
	}
	flags.StringVar(&config, "config", config, "`FILE` of the configuration")
	_ = flags.Parse(args) // exits when it objects
	if flags.NArg() > 0 {
		return fmt.Errorf("takes no argument %q", flags.Arg(0))
	}
	if _, err := os.Stat(folder); err != nil {
		return fmt.Errorf("there is no %s here: run this in the project's folder", folder)
	}
	text, err := compose(config)
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	return err
}

// seenFromFolder is the path of a file as the compose file names it: relative for
// what lies in the project's folder, so that both can be moved together.
func seenFromFolder(file string) (string, error) {
	if !filepath.IsLocal(file) {
		return filepath.Abs(file)
	}
	seen, err := filepath.Rel(folder, file)
	if !strings.HasPrefix(seen, "..") {
		seen = "./" + seen // docker-compose 1.29 leaves a path that begins otherwise as it is
	}
	return seen, err
}
