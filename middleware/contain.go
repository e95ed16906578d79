package middleware

import (
	"fmt"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/rollcall-go/rollcall/store"
)

// containStore makes a refusal of a panic in the store.
func (m *Middleware) containStore(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			logPanic(m.log, "store panicked", r)
			err = fmt.Errorf("middleware: the store panicked: %w", store.ErrUnavailable)
		}
	}()
	return call()
}

// contained makes an error of a panic in the store, for calls that the bot's handlers
// make: a panic would end them, and with them many a bot.
func contained[T any](m *Middleware, call func() (T, error)) (T, error) {
	var result T
	err := m.containStore(func() (err error) {
		result, err = call()
		return err
	})
	return result, err
}

// containAs logs a panic of call with this message.
func (m *Middleware) containAs(message string, call func(), which ...zap.Field) {
	defer func() {
		if r := recover(); r != nil {
			logPanic(m.log, message, r, which...)
		}
	}()
	call()
}

// logPanic logs what recover has returned, and where it came from.
func logPanic(log *zap.Logger, message string, r any, which ...zap.Field) {
	log.Error(message, append(which, zap.String("panic", panicKind(r)), zap.ByteString("stack", debug.Stack()))...)
}

// panicKind describes a panic by its type alone: its text could hold anything.
func panicKind(r any) string { return fmt.Sprintf("%T", r) }
