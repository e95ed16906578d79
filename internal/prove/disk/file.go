package disk

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A header stands in front of the unix VFS's own structure, in the memory that SQLite
// gives each open file.
type header struct {
	methods uintptr
	handle  uintptr
}

const headerSize = unsafe.Sizeof(header{})

// A file is one that is open.
type file struct {
	disk    *Disk
	path    string
	inode   int
	methods *sqlite3.Tsqlite3_io_methods // of the unix VFS
}

// files are those that are open, by handle: C memory holds no Go pointers.
var (
	files      sync.Map
	lastHandle atomic.Uintptr
)

func register(f *file) uintptr {
	handle := lastHandle.Add(1)
	files.Store(handle, f)
	return handle
}

func fileOf(pFile uintptr) *file {
	f, _ := files.Load(pointer[header](pFile).handle)
	return f.(*file)
}

func fileMethods() sqlite3.Tsqlite3_io_methods {
	return sqlite3.Tsqlite3_io_methods{
		FiVersion:               3,
		FxClose:                 address(fileClose),
		FxRead:                  address(fileRead),
		FxWrite:                 address(fileWrite),
		FxTruncate:              address(fileTruncate),
		FxSync:                  address(fileSync),
		FxFileSize:              address(fileSize),
		FxLock:                  address(fileLock),
		FxUnlock:                address(fileUnlock),
		FxCheckReservedLock:     address(fileCheckReservedLock),
		FxFileControl:           address(fileControl),
		FxSectorSize:            address(fileSectorSize),
		FxDeviceCharacteristics: address(fileDeviceCharacteristics),
		FxShmMap:                address(fileShmMap),
		FxShmLock:               address(fileShmLock),
		FxShmBarrier:            address(fileShmBarrier),
		FxShmUnmap:              address(fileShmUnmap),
		FxFetch:                 address(fileFetch),
		FxUnfetch:               address(fileUnfetch),
	}
}

func fileClose(tls *libc.TLS, pFile uintptr) int32 {
	f := fileOf(pFile)
	files.Delete(pointer[header](pFile).handle)
	return function[func(*libc.TLS, uintptr) int32](f.methods.FxClose)(tls, pFile+headerSize)
}

func fileRead(tls *libc.TLS, pFile, zBuf uintptr, n int32, offset int64) int32 {
	f := fileOf(pFile)
	if rc := f.admit(Read); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.methods.FxRead)(tls, pFile+headerSize, zBuf, n, offset)
}

// fileWrite writes the first half of what fails, as a real disk may.
func fileWrite(tls *libc.TLS, pFile, zBuf uintptr, n int32, offset int64) int32 {
	f := fileOf(pFile)
	refused := f.admit(Write)
	switch {
	case refused != sqlite3.SQLITE_OK:
		n /= 2
	case !f.disk.room(f.inode, offset+int64(n)):
		return sqlite3.SQLITE_FULL
	}
	rc := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.methods.FxWrite)(tls, pFile+headerSize, zBuf, n, offset)
	if rc != sqlite3.SQLITE_OK {
		return rc
	}
	f.disk.wrote(f.inode, offset, unsafe.Slice(pointer[byte](zBuf), n))
	return refused
}

func fileTruncate(tls *libc.TLS, pFile uintptr, size int64) int32 {
	f := fileOf(pFile)
	if rc := f.admit(Truncate); rc != sqlite3.SQLITE_OK {
		return rc
	}
	rc := function[func(*libc.TLS, uintptr, int64) int32](f.methods.FxTruncate)(tls, pFile+headerSize, size)
	if rc == sqlite3.SQLITE_OK {
		f.disk.truncated(f.inode, size)
	}
	return rc
}

func fileSync(tls *libc.TLS, pFile uintptr, flags int32) int32 {
	f := fileOf(pFile)
	if rc := f.admit(Sync); rc != sqlite3.SQLITE_OK {
		return rc
	}
	if f.disk.hurry.Load() {
		return sqlite3.SQLITE_OK
	}
	begun := f.disk.Now()
	rc := function[func(*libc.TLS, uintptr, int32) int32](f.methods.FxSync)(tls, pFile+headerSize, flags)
	if rc == sqlite3.SQLITE_OK {
		f.disk.synced(f.inode, begun)
	}
	return rc
}

func fileSize(tls *libc.TLS, pFile, pSize uintptr) int32 {
	f := fileOf(pFile)
	if rc := f.admit(Size); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return function[func(*libc.TLS, uintptr, uintptr) int32](f.methods.FxFileSize)(tls, pFile+headerSize, pSize)
}

func fileLock(tls *libc.TLS, pFile uintptr, lock int32) int32 {
	f := fileOf(pFile)
	if rc := f.admit(Lock); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return function[func(*libc.TLS, uintptr, int32) int32](f.methods.FxLock)(tls, pFile+headerSize, lock)
}

func fileUnlock(tls *libc.TLS, pFile uintptr, lock int32) int32 {
	return function[func(*libc.TLS, uintptr, int32) int32](fileOf(pFile).methods.FxUnlock)(tls, pFile+headerSize, lock)
}

func fileCheckReservedLock(tls *libc.TLS, pFile, pResult uintptr) int32 {
	return function[func(*libc.TLS, uintptr, uintptr) int32](fileOf(pFile).methods.FxCheckReservedLock)(tls, pFile+headerSize, pResult)
}

func fileControl(tls *libc.TLS, pFile uintptr, op int32, pArg uintptr) int32 {
	return function[func(*libc.TLS, uintptr, int32, uintptr) int32](fileOf(pFile).methods.FxFileControl)(tls, pFile+headerSize, op, pArg)
}

func fileSectorSize(tls *libc.TLS, pFile uintptr) int32 {
	return function[func(*libc.TLS, uintptr) int32](fileOf(pFile).methods.FxSectorSize)(tls, pFile+headerSize)
}

func fileDeviceCharacteristics(tls *libc.TLS, pFile uintptr) int32 {
	return function[func(*libc.TLS, uintptr) int32](fileOf(pFile).methods.FxDeviceCharacteristics)(tls, pFile+headerSize)
}

func fileShmMap(tls *libc.TLS, pFile uintptr, page, size, extend int32, pp uintptr) int32 {
	f := fileOf(pFile)
	if rc := f.admit(ShmMap); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return function[func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32](f.methods.FxShmMap)(tls, pFile+headerSize, page, size, extend, pp)
}

// fileShmLock fails only where a lock is taken: to give one back cannot.
func fileShmLock(tls *libc.TLS, pFile uintptr, offset, n, flags int32) int32 {
	f := fileOf(pFile)
	if flags&sqlite3.SQLITE_SHM_LOCK != 0 {
		if rc := f.admit(ShmLock); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	return function[func(*libc.TLS, uintptr, int32, int32, int32) int32](f.methods.FxShmLock)(tls, pFile+headerSize, offset, n, flags)
}

func fileShmBarrier(tls *libc.TLS, pFile uintptr) {
	function[func(*libc.TLS, uintptr)](fileOf(pFile).methods.FxShmBarrier)(tls, pFile+headerSize)
}

func fileShmUnmap(tls *libc.TLS, pFile uintptr, remove int32) int32 {
	return function[func(*libc.TLS, uintptr, int32) int32](fileOf(pFile).methods.FxShmUnmap)(tls, pFile+headerSize, remove)
}

func fileFetch(tls *libc.TLS, pFile uintptr, offset int64, n int32, pp uintptr) int32 {
	return function[func(*libc.TLS, uintptr, int64, int32, uintptr) int32](fileOf(pFile).methods.FxFetch)(tls, pFile+headerSize, offset, n, pp)
}

func fileUnfetch(tls *libc.TLS, pFile uintptr, offset int64, p uintptr) int32 {
	return function[func(*libc.TLS, uintptr, int64, uintptr) int32](fileOf(pFile).methods.FxUnfetch)(tls, pFile+headerSize, offset, p)
}
