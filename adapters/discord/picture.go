package discord

import "strconv"

// picture returns the URL of an avatar, which is public, unsigned and stays
// valid until the person changes it. Without a hash there is no picture: the
// coloured ones that Discord shows instead say nothing of the person.
// https://discord.com/developers/docs/reference#image-formatting
func picture(id uint64, avatar said) said {
	hash := avatar.value
	if hash == "" {
		return avatar
	}
	if id == 0 || len(hash) > 64 {
		return said{}
	}
	for i := range len(hash) {
		if b := hash[i]; (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && b != '_' {
			return said{}
		}
	}
	var buf [128]byte
	url := append(buf[:0], "https://cdn.discordapp.com/avatars/"...)
	url = strconv.AppendUint(url, id, 10)
	url = append(url, '/')
	url = append(url, hash...)
	if len(hash) > 2 && hash[:2] == "a_" {
		url = append(url, ".gif"...)
	} else {
		url = append(url, ".png"...)
	}
	return said{ok: true, value: string(url)}
}
