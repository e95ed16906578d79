package middleware

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
