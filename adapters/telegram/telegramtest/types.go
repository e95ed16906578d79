package telegramtest

// A User is a Telegram account. Of the fields that are not required, empty ones
// are left out of the JSON, as Telegram does.
// https://core.telegram.org/bots/api#user
type User struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`
	IsPremium    bool   `json:"is_premium,omitempty"`
}

// A Chat is where a message stands. https://core.telegram.org/bots/api#chat
type Chat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"` // private, group, supergroup or channel
	Title     string `json:"title,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Username  string `json:"username,omitempty"`
}

// Private is the chat of u with the bot.
func Private(u User) Chat {
	return Chat{ID: u.ID, Type: "private", FirstName: u.FirstName, LastName: u.LastName, Username: u.Username}
}

// Group is a supergroup. Its id is negative: -100 and up to ten digits.
func Group(id int64, title string) Chat { return Chat{ID: id, Type: "supergroup", Title: title} }

// Channel is a channel. Its id is negative: -100 and up to ten digits.
func Channel(id int64, title string) Chat { return Chat{ID: id, Type: "channel", Title: title} }

// The accounts that stand in "from" where no person does.
// https://core.telegram.org/bots/api#message
var (
	GroupAnonymousBot = User{ID: 1087968824, IsBot: true, FirstName: "Group", Username: "GroupAnonymousBot"}
	ServiceAccount    = User{ID: 777000, FirstName: "Telegram"}
	ChannelBot        = User{ID: 136817688, IsBot: true, FirstName: "Channel", Username: "Channel_Bot"}
)

// An Order is what a buyer entered for a payment.
// https://core.telegram.org/bots/api#orderinfo
type Order struct {
	Name            string   `json:"name,omitempty"`
	PhoneNumber     string   `json:"phone_number,omitempty"` // digits, without +
	Email           string   `json:"email,omitempty"`
	ShippingAddress *Address `json:"shipping_address,omitempty"`
}

// An Address is where goods go to.
// https://core.telegram.org/bots/api#shippingaddress
type Address struct {
	CountryCode string `json:"country_code"` // ISO 3166-1 alpha-2
	State       string `json:"state"`
	City        string `json:"city"`
	StreetLine1 string `json:"street_line1"`
	StreetLine2 string `json:"street_line2"`
	PostCode    string `json:"post_code"`
}
