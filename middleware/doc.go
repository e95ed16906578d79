// Package middleware keeps a profile of everyone who talks to a bot.
package middleware
