package rocketchat

// DefaultUsername is what a nil Options.Username stands for.
var DefaultUsername = defaultUsername
