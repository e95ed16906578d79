package telegram

import "sync/atomic"

// recent remembers the last few thousand update ids, so that an update seen by
// the poller is not observed again on its way to a handler, by Bot.Trigger, or
// for each of the people who joined a group in it. Ids count up, so the place of
// an id is taken by the one 4096 later. To forget one too early costs a second
// observation, which says nothing new. Each bot counts for itself.
type recent [4096]atomic.Int64

// add reports whether id is new to this bot. An id of 0 is none, and always new.
func (r *recent) add(id int, bot int64) bool {
	if id == 0 {
		return true
	}
	mark := int64(id)<<32 ^ bot
	return r[uint(id)%uint(len(r))].Swap(mark) != mark
}
