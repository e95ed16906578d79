// Lets onEvent, in row_discord.go, be a declaration alone.
