// Package telegram observes who talks to a gopkg.in/telebot.v3 bot.
package telegram
