package discordtest

import "time"

// Types of interaction and of component.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object-interaction-type
const (
	typeCommand      = 2
	typeComponent    = 3
	typeAutocomplete = 4
	typeModal        = 5

	componentRow    = 1
	componentButton = 2
	componentText   = 4
)

// SlashCommand is a person's use of a command without options, now, by a client
// in American English.
func SlashCommand(u User, p Place, name string) Event {
	return interact(u, p, typeCommand, map[string]any{"id": newID(time.Now()), "name": name, "type": 1})
}

// Autocomplete is a person's keystroke in an option of a command.
func Autocomplete(u User, p Place, name, typed string) Event {
	return interact(u, p, typeAutocomplete, map[string]any{
		"id": newID(time.Now()), "name": name, "type": 1,
		"options": []any{map[string]any{"name": "query", "type": 3, "value": typed, "focused": true}},
	})
}

// Button is a person's click on a button of a message of the bot's.
func Button(u User, p Place, customID string) Event {
	place := Place{GuildID: p.GuildID, ChannelID: p.channel(u)}
	return interact(u, p, typeComponent, map[string]any{"custom_id": customID, "component_type": componentButton}).
		With("message", message(self(), place, "Choose"))
}

// Modal is a form that a person sent off, with one text field.
func Modal(u User, p Place, customID, value string) Event {
	return interact(u, p, typeModal, map[string]any{
		"custom_id": customID,
		"components": []any{map[string]any{"type": componentRow, "components": []any{
			map[string]any{"type": componentText, "custom_id": "text", "value": value},
		}}},
	})
}

// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object
func interact(u User, p Place, kind int, data map[string]any) Event {
	id := newID(time.Now())
	fields := map[string]any{
		"id":                             id,
		"application_id":                 AppID,
		"type":                           kind,
		"token":                          "interaction." + id,
		"version":                        1,
		"locale":                         "en-US",
		"app_permissions":                "2147483647",
		"entitlements":                   []any{},
		"authorizing_integration_owners": map[string]any{"0": p.GuildID},
		"data":                           data,
	}
	p.put(u, fields)
	if p.GuildID == "" {
		fields["context"], fields["user"] = 1, u.json()
		return event("INTERACTION_CREATE", fields)
	}
	member := u.member()
	member["permissions"] = "2147483647"
	fields["context"], fields["guild_locale"], fields["member"] = 0, "en-US", member
	return event("INTERACTION_CREATE", fields)
}
