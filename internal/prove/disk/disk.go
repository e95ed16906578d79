package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// A Disk is one folder, and the log of what SQLite did to the files in it. Its methods
// may be called from many goroutines at once.
type Disk struct {
	dir    string
	decide atomic.Pointer[func(Call) Code]
	hurry  atomic.Bool

	mu     sync.Mutex
	ops    []op
	data   *os.File       // what was written, one write behind the other
	length int64          // of data
	names  map[string]int // the inode that each path has now
	bases  [][]byte       // what each inode held when it was first seen
	sizes  []int64        // of each inode
	limit  int64          // of all sizes together; 0: none
	broken error          // of data
}

// An op is one entry of the log.
type op struct {
	kind   opKind
	inode  int
	path   string // of opCreate and opUnlink
	offset int64  // of opWrite; the size for opTruncate
	length int64  // of opWrite
	data   int64  // where in Disk.data, for opWrite
	begun  int    // for opSync: all before this entry is durable
}

type opKind uint8

const (
	opWrite opKind = iota
	opTruncate
	opSync
	opCreate
	opUnlink
	opFolderSync
)

// Attach makes a disk of a folder. What is in it already counts as durable. Nothing in
// it may be open. [Disk.Detach] ends it.
func Attach(dir string) (*Disk, error) {
	if err := install(); err != nil {
		return nil, err
	}
	dir, err := folder(dir)
	if err != nil {
		return nil, fmt.Errorf("disk: attach: %w", err)
	}
	data, err := os.CreateTemp("", "disk-*.log")
	if err != nil {
		return nil, fmt.Errorf("disk: attach: %w", err)
	}
	d := &Disk{dir: dir, data: data, names: make(map[string]int)}
	if err := errors.Join(os.Remove(data.Name()), d.adopt()); err != nil {
		return nil, errors.Join(fmt.Errorf("disk: attach: %w", err), data.Close())
	}
	if _, taken := disks.LoadOrStore(dir, d); taken {
		return nil, errors.Join(fmt.Errorf("disk: %s is attached already", dir), data.Close())
	}
	return d, nil
}

// adopt takes in what is in the folder.
func (d *Disk) adopt() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(d.dir, e.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d.names[path] = d.inode(content)
	}
	return nil
}

func (d *Disk) inode(content []byte) int {
	d.bases = append(d.bases, content)
	d.sizes = append(d.sizes, int64(len(content)))
	return len(d.bases) - 1
}

// Detach ends the watch over the folder, in which nothing is open any more, and closes
// the log, which cannot be replayed then. The error says that the log is not complete.
func (d *Disk) Detach() error {
	disks.Delete(d.dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.broken, d.data.Close())
}

// Now returns the position in the log: how many entries there are.
func (d *Disk) Now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ops)
}

// Hurry makes each sync from now on take no time, and do nothing: for tests in which no
// power fails.
func (d *Disk) Hurry() { d.hurry.Store(true) }

// Limit lets no file grow once all of them together have size bytes. 0 is no limit.
func (d *Disk) Limit(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = size
}

// Used returns how many bytes the files have, together.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

func (d *Disk) used() (bytes int64) {
	for _, inode := range d.names {
		bytes += d.sizes[inode]
	}
	return bytes
}

// room reports whether the file may have the size.
func (d *Disk) room(inode int, size int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	grows := size - d.sizes[inode]
	return d.limit == 0 || grows <= 0 || d.used()+grows <= d.limit
}

// opened returns the inode of a path. A file that was never seen is a new one.
func (d *Disk) opened(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	inode, ok := d.names[path]
	if !ok {
		inode = d.inode(nil)
		d.names[path] = inode
		d.ops = append(d.ops, op{kind: opCreate, inode: inode, path: path})
	}
	return inode
}

func (d *Disk) unlinked(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if inode, ok := d.names[path]; ok {
		delete(d.names, path)
		d.ops = append(d.ops, op{kind: opUnlink, inode: inode, path: path})
	}
}

func (d *Disk) folderSynced() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops = append(d.ops, op{kind: opFolderSync})
}

func (d *Disk) wrote(inode int, offset int64, content []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := int64(len(content))
	if _, err := d.data.WriteAt(content, d.length); err != nil {
		d.broken = err
	}
	d.ops = append(d.ops, op{kind: opWrite, inode: inode, offset: offset, length: n, data: d.length})
	d.length += n
	d.sizes[inode] = max(d.sizes[inode], offset+n)
}

func (d *Disk) truncated(inode int, size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops = append(d.ops, op{kind: opTruncate, inode: inode, offset: size})
	d.sizes[inode] = size
}

// synced notes that what was written to the file before begun is durable.
func (d *Disk) synced(inode, begun int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops = append(d.ops, op{kind: opSync, inode: inode, begun: begun})
}
