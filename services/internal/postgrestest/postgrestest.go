// Package postgrestest gives tests a real PostgreSQL server of their own.
//
// The server's programs are found in PATH or where Debian puts them; nothing is downloaded. PostgreSQL refuses to run as
// root, so a test that does is given the user postgres, or nobody. The server listens on a free loopback port, keeps its
// files in the test's temporary folder, and ends with the test, or with the test's process when that is killed.
//
// Where no server can be had the test is skipped with a loud reason. With CI=true or REQUIRE_POSTGRES=1 it fails instead:
// there, an untested database must not look like a tested one.
package postgrestest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	// The driver "pgx".
	_ "github.com/jackc/pgx/v5/stdlib"
)

// startTimeout bounds initdb and the server's start on a busy machine.
const startTimeout = 60 * time.Second

// superuser is the name of the superuser of the test's server.
const superuser = "test"

// Server is one running PostgreSQL.
type Server struct {
	t       testing.TB
	bin     string
	data    string
	account *account
	port    int
	stop    func()
}

// Start returns a running server, or skips or fails the test as the package says.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, err := find()
	if err != nil {
		unavailable(t, err)
	}
	owner, err := unprivileged()
	if err != nil {
		unavailable(t, err)
	}
	s := &Server{t: t, bin: bin, account: owner, stop: func() {}}
	if err := s.initialise(); err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() { s.Stop() })
	s.Resume()
	return s
}

// unavailable does not return.
func unavailable(t testing.TB, reason error) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("REQUIRE_POSTGRES") == "1" {
		t.Fatalf("PostgreSQL is required here and cannot be had: %v", reason)
	}
	t.Skipf("POSTGRESQL IS NOT TESTED ON THIS MACHINE: %v. Install the Debian package postgresql to test it", reason)
}

// find returns the folder that holds initdb and postgres. Of Debian's it takes the newest version.
func find() (string, error) {
	folders := filepath.SplitList(os.Getenv("PATH"))
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(packaged, func(a, b string) int { return version(b) - version(a) })
	for _, folder := range append(folders, packaged...) {
		if executable(filepath.Join(folder, "initdb")) && executable(filepath.Join(folder, "postgres")) {
			// PATH may hold links to one program alone; initdb looks for the others beside its own file.
			resolved, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
			return filepath.Dir(resolved), err
		}
	}
	return "", errors.New("initdb and postgres are neither in PATH nor in /usr/lib/postgresql")
}

func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// initialise makes the data folder, owned by the server's account and reachable for it.
func (s *Server) initialise() error {
	root := s.t.TempDir()
	if s.account != nil && !reachable(filepath.Dir(filepath.Dir(root))) {
		made, err := os.MkdirTemp("/tmp", "postgrestest")
		if err != nil {
			return err
		}
		s.t.Cleanup(func() { _ = os.RemoveAll(made) })
		root = filepath.Join(made, "001")
		if err := os.Mkdir(root, 0o755); err != nil {
			return err
		}
	}
	s.data = filepath.Join(root, "data")
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return err
	}
	if s.account != nil {
		// testing makes two levels of folders for root alone.
		if err := errors.Join(os.Chmod(filepath.Dir(root), 0o711), os.Chmod(root, 0o711), os.Chown(s.data, s.account.uid, s.account.gid)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	output := &bytes.Buffer{}
	initdb := s.command(ctx, output, "initdb", "-D", s.data, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if err := initdb.Run(); err != nil {
		return fmt.Errorf("running initdb: %w: %s", err, strings.TrimSpace(output.String()))
	}
	return nil
}

// reachable says whether everybody may pass through all folders down to path.
func reachable(path string) bool {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
	}
}

func (s *Server) command(ctx context.Context, output *bytes.Buffer, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + s.bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = attributes(s.account)
	return cmd
}

// Resume starts the server again after Stop, on the same port and with the same data. It fails the test when it cannot.
func (s *Server) Resume() {
	s.t.Helper()
	const tries = 3
	var err error
	for range tries {
		// Only the first start may choose: a test that stops the server keeps its URL.
		port := s.port
		if port == 0 {
			if port, err = freePort(); err != nil {
				continue
			}
		}
		if err = s.run(port); err == nil {
			s.port = port
			return
		}
	}
	s.t.Fatalf("starting PostgreSQL: %v", err)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// run starts the server and waits until it answers.
func (s *Server) run(port int) error {
	output := &bytes.Buffer{}
	cmd := s.command(context.Background(), output, "postgres", "-D", s.data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=60")
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel ends the server when the thread that started it ends: it must live as long as the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.stop = func() { end(cmd.Process, ended) }
	if err := s.await(port, ended); err != nil {
		s.stop()
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(output.String()))
	}
	return nil
}

func (s *Server) await(port int, ended <-chan struct{}) error {
	db, err := sql.Open("pgx", address(port, "postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.After(startTimeout)
	for {
		if err = db.Ping(); err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("the server ended at once")
		case <-deadline:
			return fmt.Errorf("waiting for the server: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server; its data stay. Open connections break.
func (s *Server) Stop() {
	s.stop()
	s.stop = func() {}
}

// end asks for a fast shutdown (SIGINT breaks connections but keeps the data whole), and then insists.
func end(process *os.Process, ended <-chan struct{}) {
	_ = process.Signal(syscall.SIGINT)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = process.Kill()
		<-ended
	}
}

// Database makes an empty database and returns its URL.
func (s *Server) Database() string {
	s.t.Helper()
	db, err := sql.Open("pgx", address(s.port, "postgres"))
	if err != nil {
		s.t.Fatalf("opening PostgreSQL: %v", err)
	}
	defer db.Close()
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		s.t.Fatalf("making database: %v", err)
	}
	return address(s.port, name)
}

func address(port int, database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(superuser), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}).String()
}
