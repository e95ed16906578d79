package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// The VFS that this one stands on, and the two structures that C code sees of ours.
// They live as long as the process: a connection may hold on to them.
var (
	unix          *sqlite3.Tsqlite3_vfs
	openDirectory uintptr
	shim          sqlite3.Tsqlite3_vfs
	methods       sqlite3.Tsqlite3_io_methods
)

// disks are those that are attached, by folder.
var disks sync.Map

// install registers the VFS, once.
var install = sync.OnceValue(func() error {
	tls := libc.NewTLS()
	found := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if found == 0 {
		return errors.New("disk: SQLite has no VFS")
	}
	unix = pointer[sqlite3.Tsqlite3_vfs](found)
	if unix.FiVersion < 3 || unix.FxSetSystemCall == 0 {
		return errors.New("disk: the VFS of this platform does not show its system calls")
	}
	name, err := libc.CString("rollcall-disk")
	if err != nil {
		return err
	}
	call, err := libc.CString("openDirectory")
	if err != nil {
		return err
	}
	openDirectory = function[func(*libc.TLS, uintptr, uintptr) uintptr](unix.FxGetSystemCall)(tls, found, call)
	if openDirectory == 0 {
		return errors.New("disk: the VFS of this platform does not sync folders")
	}
	set := function[func(*libc.TLS, uintptr, uintptr, uintptr) int32](unix.FxSetSystemCall)
	if rc := set(tls, found, call, address(watchDirectory)); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("disk: cannot watch syncs of folders: SQLite's code %d", rc)
	}
	shim = *unix
	shim.FpNext, shim.FzName = 0, name
	shim.FszOsFile += int32(headerSize)
	shim.FxOpen, shim.FxDelete, shim.FxAccess = address(vfsOpen), address(vfsDelete), address(vfsAccess)
	methods = fileMethods()
	if rc := sqlite3.Xsqlite3_vfs_register(tls, uintptr(unsafe.Pointer(&shim)), 1); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("disk: cannot register the VFS: SQLite's code %d", rc)
	}
	return nil
})

// diskOf returns the disk on which the file lies, nil for none.
func diskOf(path string) *Disk {
	if d, ok := disks.Load(filepath.Dir(path)); ok {
		return d.(*Disk)
	}
	return nil
}

func vfsOpen(tls *libc.TLS, _, zName, pFile uintptr, flags int32, pOutFlags uintptr) int32 {
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](unix.FxOpen)
	self := uintptr(unsafe.Pointer(unix))
	var d *Disk
	var path string
	if zName != 0 { // 0 is a temporary file
		path = libc.GoString(zName)
		d = diskOf(path)
	}
	if d == nil {
		return open(tls, self, zName, pFile, flags, pOutFlags)
	}
	h := pointer[header](pFile)
	*h = header{}
	if rc := d.admit(Call{Kind: Open, Path: path}); rc != sqlite3.SQLITE_OK {
		return rc
	}
	if rc := open(tls, self, zName, pFile+headerSize, flags, pOutFlags); rc != sqlite3.SQLITE_OK {
		return rc
	}
	inner := pointer[sqlite3.Tsqlite3_file](pFile + headerSize)
	f := &file{disk: d, path: path, methods: pointer[sqlite3.Tsqlite3_io_methods](inner.FpMethods)}
	f.inode = d.opened(path)
	h.methods, h.handle = uintptr(unsafe.Pointer(&methods)), register(f)
	return sqlite3.SQLITE_OK
}

func vfsDelete(tls *libc.TLS, _, zPath uintptr, syncDir int32) int32 {
	path := libc.GoString(zPath)
	d := diskOf(path)
	if d != nil {
		if rc := d.admit(Call{Kind: Delete, Path: path}); rc != sqlite3.SQLITE_OK {
			return rc
		}
		d.unlinked(path) // ahead of the sync of the folder, which is within the call
	}
	remove := function[func(*libc.TLS, uintptr, uintptr, int32) int32](unix.FxDelete)
	return remove(tls, uintptr(unsafe.Pointer(unix)), zPath, syncDir)
}

func vfsAccess(tls *libc.TLS, _, zPath uintptr, flags int32, pResult uintptr) int32 {
	path := libc.GoString(zPath)
	if d := diskOf(path); d != nil {
		if rc := d.admit(Call{Kind: Access, Path: path}); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	access := function[func(*libc.TLS, uintptr, uintptr, int32, uintptr) int32](unix.FxAccess)
	return access(tls, uintptr(unsafe.Pointer(unix)), zPath, flags, pResult)
}

// watchDirectory stands in for the system call with which the unix VFS begins to sync
// the folder of a file, and which it uses for nothing else.
func watchDirectory(tls *libc.TLS, zFile, pFd uintptr) int32 {
	if d := diskOf(libc.GoString(zFile)); d != nil {
		d.folderSynced()
	}
	return function[func(*libc.TLS, uintptr, uintptr) int32](openDirectory)(tls, zFile, pFd)
}

// pointer returns what lies at an address that C code gave.
func pointer[T any](at uintptr) *T { return *(**T)(unsafe.Pointer(&at)) }

// function returns the function that a C function pointer stands for: the address of a
// Go function value, as the translated code has them.
func function[F any](at uintptr) F { return *(*F)(unsafe.Pointer(&at)) }

// address is the reverse of function. f is no closure, so that it never moves or goes.
func address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// folder returns dir as SQLite sees it.
func folder(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	return strings.TrimSuffix(dir, string(os.PathSeparator)), nil
}
