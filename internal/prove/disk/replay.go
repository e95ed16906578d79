package disk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// A Replay goes once through the log of a disk and knows, at each position, what is
// durable and what is not. It belongs to one goroutine.
type Replay struct {
	disk   *Disk
	ops    []op
	cache  int // 0: syncs count
	at     int
	inodes []inode
	names  map[string]int // as they are durable
	dirty  []int          // opCreate and opUnlink that are not
}

type inode struct {
	durable []byte
	dirty   []int // opWrite and opTruncate that are not durable
}

// Replay begins at the beginning. With a cache above zero it is that of a disk that
// lies: a sync does nothing, and only what is more than so many entries of the log old
// is durable.
func (d *Disk) Replay(cache int) *Replay {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &Replay{disk: d, ops: slices.Clip(d.ops), cache: cache, names: make(map[string]int), inodes: make([]inode, len(d.bases))}
	made := make(map[int]bool)
	for _, o := range r.ops {
		made[o.inode] = made[o.inode] || o.kind == opCreate
	}
	for i, base := range d.bases {
		r.inodes[i].durable = slices.Clone(base)
	}
	for path, i := range d.names {
		if !made[i] {
			r.names[path] = i
		}
	}
	for _, o := range r.ops {
		if o.kind == opUnlink && !made[o.inode] {
			r.names[o.path] = o.inode
		}
	}
	return r
}

// Len is how many entries there are.
func (r *Replay) Len() int { return len(r.ops) }

// To goes on to a position, which is not before that of the last call. The entries
// before it have happened.
func (r *Replay) To(position int) error {
	for ; r.at < position; r.at++ {
		o := r.ops[r.at]
		switch o.kind {
		case opWrite, opTruncate:
			f := &r.inodes[o.inode]
			f.dirty = append(f.dirty, r.at)
		case opCreate, opUnlink:
			r.dirty = append(r.dirty, r.at)
		case opSync:
			if r.cache == 0 {
				if err := r.settle(o.inode, o.begun); err != nil {
					return err
				}
			}
		case opFolderSync:
			if r.cache == 0 {
				r.settleNames(r.at)
			}
		}
		if r.cache > 0 {
			old := r.at + 1 - r.cache
			r.settleNames(old)
			for i := range r.inodes {
				if err := r.settle(i, old); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// settle makes durable what came before an entry.
func (r *Replay) settle(i, before int) error {
	f := &r.inodes[i]
	n := 0
	for ; n < len(f.dirty) && f.dirty[n] < before; n++ {
		o := r.ops[f.dirty[n]]
		if o.kind == opTruncate {
			f.durable = resize(f.durable, o.offset)
			continue
		}
		f.durable = resize(f.durable, max(o.offset+o.length, int64(len(f.durable))))
		if _, err := r.disk.data.ReadAt(f.durable[o.offset:o.offset+o.length], o.data); err != nil {
			return fmt.Errorf("disk: replay: %w", err)
		}
	}
	f.dirty = slices.Delete(f.dirty, 0, n)
	return nil
}

func (r *Replay) settleNames(before int) {
	n := 0
	for ; n < len(r.dirty) && r.dirty[n] < before; n++ {
		rename(r.names, r.ops[r.dirty[n]])
	}
	r.dirty = slices.Delete(r.dirty, 0, n)
}

func rename(names map[string]int, o op) {
	if o.kind == opCreate {
		names[o.path] = o.inode
	} else if names[o.path] == o.inode {
		delete(names, o.path)
	}
}

// resize returns b with the length, with zeros at its end where it grows.
func resize(b []byte, length int64) []byte {
	if n := int64(len(b)); n < length {
		return append(b, make([]byte, length-n)...)
	}
	return b[:length]
}

// Damage says what becomes of that which is not durable.
type Damage struct {
	// Keep is how likely it is, for each sector by itself, for each truncation, and
	// for each file that was made or removed, that it is there.
	Keep   float64
	Sector int64 // bytes
	Random *rand.Rand
}

// Image writes into a folder what the disk holds after its power failed.
func (r *Replay) Image(dir string, dm Damage) error {
	kept := func() bool { return dm.Random.Float64() < dm.Keep }
	names := maps.Clone(r.names)
	for _, i := range r.dirty {
		if kept() {
			rename(names, r.ops[i])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		content, err := r.content(&r.inodes[names[path]], dm.Sector, kept)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, 0o600); err != nil {
			return fmt.Errorf("disk: image: %w", err)
		}
	}
	return nil
}

func (r *Replay) content(f *inode, sector int64, kept func() bool) ([]byte, error) {
	content := slices.Clone(f.durable)
	for _, i := range f.dirty {
		o := r.ops[i]
		if o.kind == opTruncate {
			if kept() {
				content = resize(content, o.offset)
			}
			continue
		}
		for from, end := o.offset, o.offset+o.length; from < end; {
			to := min(end, from-from%sector+sector)
			if kept() {
				content = resize(content, max(to, int64(len(content))))
				if _, err := r.disk.data.ReadAt(content[from:to], o.data+from-o.offset); err != nil {
					return nil, fmt.Errorf("disk: image: %w", err)
				}
			}
			from = to
		}
	}
	return content, nil
}
