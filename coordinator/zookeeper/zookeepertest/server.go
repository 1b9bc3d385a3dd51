package zookeepertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Where Debian keeps what a server consists of. The first names in its manifest
// what else it needs; it logs through the second, to standard error.
const (
	serverJar = "/usr/share/java/zookeeper.jar"
	loggerJar = "/usr/share/java/slf4j-simple.jar"
)

// startTimeout is how long a server may take until it serves: half a second when
// the machine has nothing else to do.
const startTimeout = 60 * time.Second

// ErrMissing says that ZooKeeper or Java is not installed.
var ErrMissing = errors.New("ZooKeeper is not installed")

// installed returns an error that wraps ErrMissing and says what to install.
func installed() error {
	_, err := exec.LookPath("java")
	for _, jar := range []string{serverJar, loggerJar} {
		if err == nil {
			_, err = os.Stat(jar)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: the tests run against a real one; on Debian and Ubuntu: apt-get install --no-install-recommends zookeeper default-jre-headless (%w)", ErrMissing, err)
	}
	return nil
}

// server is one server of an ensemble.
type server struct {
	folder  string // its configuration, data and log
	address string // for clients
	process *os.Process
	ended   chan struct{} // closed when the process has
}

// configure writes what the server reads when it starts.
func (s *server) configure(id, port int, tick time.Duration, peers string) error {
	if err := os.MkdirAll(s.data(), 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(`tickTime=%d
initLimit=50
syncLimit=10
dataDir=%s
clientPort=%d
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=srvr
%s`, tick.Milliseconds(), s.data(), port, peers)
	if err := os.WriteFile(filepath.Join(s.data(), "myid"), []byte(strconv.Itoa(id)), 0o600); err != nil {
		return err
	}
	return os.WriteFile(s.config(), []byte(text), 0o600)
}

// wipe removes everything but the number of the server.
func (s *server) wipe() error {
	names, err := filepath.Glob(filepath.Join(s.data(), "version-*"))
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

func (s *server) data() string   { return filepath.Join(s.folder, "data") }
func (s *server) config() string { return filepath.Join(s.folder, "zoo.cfg") }
func (s *server) log() string    { return filepath.Join(s.folder, "log") }

// start starts the process.
func (s *server) start() error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dzookeeper.forceSync=no",
		"-cp", serverJar+":"+loggerJar, "org.apache.zookeeper.server.quorum.QuorumPeerMain", s.config())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a ZooKeeper server: %w", err)
	}
	ended := make(chan struct{})
	s.process, s.ended = cmd.Process, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	return nil
}

// ready waits until the server serves. It answers ruok long before it takes
// sessions, so that does not count.
func (s *server) ready() error {
	limit := time.NewTimer(startTimeout)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if _, err := s.mode(); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the ZooKeeper server at %s ended:\n%s", s.address, s.lastWords())
		case <-limit.C:
			return fmt.Errorf("the ZooKeeper server at %s does not serve after %v:\n%s", s.address, startTimeout, s.lastWords())
		case <-again.C:
		}
	}
}

// mode asks what the server is: standalone, leader or follower.
func (s *server) mode() (string, error) {
	conn, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(answer), "Mode: ")
	if !found {
		return "", errors.New("it does not serve")
	}
	mode, _, _ := strings.Cut(rest, "\n")
	return mode, nil
}

// lastWords is the end of the server's log.
func (s *server) lastWords() []byte {
	text, _ := os.ReadFile(s.log())
	return bytes.TrimSpace(text[max(0, len(text)-4096):])
}

// signal sends a signal to the process, if it runs.
func (s *server) signal(sig syscall.Signal) {
	if s.process != nil {
		_ = s.process.Signal(sig)
	}
}

// end ends the process by a signal, and waits for its end. SIGKILL ends a paused
// one too.
func (s *server) end(sig syscall.Signal) {
	if s.process == nil {
		return
	}
	s.signal(sig)
	<-s.ended
}
