package telegramtest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Call is one request that the bot made.
type Call struct {
	Method string
	// Params are its parameters by name. Those that are not strings are JSON
	// text; a file that came with the request is left out.
	Params map[string]string
}

// ChatID is the chat_id parameter, 0 where it is absent or a channel's name.
func (c Call) ChatID() int64 {
	id, _ := strconv.ParseInt(c.Params["chat_id"], 10, 64)
	return id
}

// Text is the text parameter, or the caption of media.
func (c Call) Text() string {
	if text, ok := c.Params["text"]; ok {
		return text
	}
	return c.Params["caption"]
}

func (c Call) sends() bool {
	m := strings.ToLower(c.Method)
	return strings.HasPrefix(m, "send") && m != "sendchataction"
}

func (s *Server) record(method string, p params) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{Method: method, Params: p})
	s.announce()
}

// Calls returns all requests but getUpdates, in the order of their arrival, those
// that failed included.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := slices.Clone(s.calls)
	for i := range calls {
		calls[i].Params = maps.Clone(calls[i].Params)
	}
	return calls
}

// Sent returns the calls of sendMessage, sendPhoto and the other methods that
// send something into a chat.
func (s *Server) Sent() []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return !c.sends() })
}

// WaitSent returns what was sent as soon as that is n calls or more. The error is
// that of ctx, or that the server is closed.
func (s *Server) WaitSent(ctx context.Context, n int) ([]Call, error) {
	err := s.until(ctx, func() bool {
		sent := 0
		for _, c := range s.calls {
			if c.sends() {
				sent++
			}
		}
		return sent >= n
	})
	if err != nil {
		return nil, err
	}
	return s.Sent(), nil
}

type answer func(s *Server, p params) any

// methods are those of https://core.telegram.org/bots/api#available-methods, in
// lower case, but those that the server implements.
var methods = func() map[string]answer {
	m := make(map[string]answer)
	add := func(a answer, names string) {
		for name := range strings.FieldsSeq(names) {
			m[strings.ToLower(name)] = a
		}
	}
	add(func(*Server, params) any { return true }, `
		answerCallbackQuery answerInlineQuery answerPreCheckoutQuery answerShippingQuery
		addStickerToSet approveChatJoinRequest approveSuggestedPost banChatMember
		banChatSenderChat close closeForumTopic closeGeneralForumTopic createNewStickerSet
		declineChatJoinRequest declineSuggestedPost deleteBusinessMessages deleteChatPhoto
		deleteChatStickerSet deleteForumTopic deleteMessage deleteMessages deleteMyCommands
		deleteStickerFromSet deleteStickerSet editForumTopic editGeneralForumTopic
		editUserStarSubscription giftPremiumSubscription hideGeneralForumTopic leaveChat
		logOut pinChatMessage promoteChatMember readBusinessMessage refundStarPayment
		removeBusinessAccountProfilePhoto removeChatVerification removeMyProfilePhoto
		removeUserVerification reopenForumTopic reopenGeneralForumTopic
		replaceStickerInSet restrictChatMember sendChatAction sendGift sendMessageDraft
		setBusinessAccountBio setBusinessAccountGiftSettings setBusinessAccountName
		setBusinessAccountProfilePhoto setBusinessAccountUsername
		setChatAdministratorCustomTitle setChatDescription setChatMemberTag
		setChatMenuButton setChatPermissions setChatPhoto setChatStickerSet setChatTitle
		setCustomEmojiStickerSetThumbnail setMessageReaction setMyCommands
		setMyDefaultAdministratorRights setMyDescription setMyName setMyProfilePhoto
		setMyShortDescription setPassportDataErrors setStickerEmojiList
		setStickerKeywords setStickerMaskPosition setStickerPositionInSet
		setStickerSetThumbnail setStickerSetTitle setUserEmojiStatus transferGift
		unbanChatMember unbanChatSenderChat unhideGeneralForumTopic
		unpinAllChatMessages unpinAllForumTopicMessages
		unpinAllGeneralForumTopicMessages unpinChatMessage upgradeGift verifyChat
		verifyUser`)
	add((*Server).message, `
		editMessageCaption editMessageChecklist editMessageLiveLocation editMessageMedia
		editMessageReplyMarkup editMessageText forwardMessage sendAnimation sendAudio
		sendChecklist sendContact sendDice sendDocument sendGame sendInvoice sendLocation
		sendMessage sendPaidMedia sendPhoto sendPoll sendSticker sendVenue sendVideo
		sendVideoNote sendVoice setGameScore stopMessageLiveLocation`)
	add(func(s *Server, p params) any { return []any{s.message(p)} }, `sendMediaGroup`)
	add(func(s *Server, p params) any { return map[string]any{"message_id": s.nextMessage()} }, `copyMessage`)
	add(func(s *Server, p params) any { return []any{map[string]any{"message_id": s.nextMessage()}} },
		`copyMessages forwardMessages`)
	add(func(*Server, params) any { return []any{} }, `
		getChatAdministrators getCustomEmojiStickers getForumTopicIconStickers
		getGameHighScores getMyCommands`)
	add(func(s *Server, _ params) any { return s.me }, `getMe`)
	add(func(_ *Server, p params) any { return chatByID(p["chat_id"]) }, `getChat`)
	add(func(*Server, params) any { return 2 }, `getChatMemberCount`)
	add(func(_ *Server, p params) any {
		id, _ := strconv.ParseInt(p["user_id"], 10, 64)
		return map[string]any{"status": "member", "user": User{ID: id, FirstName: "User"}}
	}, `getChatMember`)
	add(func(*Server, params) any { return map[string]any{"total_count": 0, "photos": []any{}} }, `getUserProfilePhotos`)
	add(func(_ *Server, p params) any {
		return map[string]any{"file_id": p["file_id"], "file_unique_id": "u" + p["file_id"]}
	}, `getFile`)
	add(func(*Server, params) any { return "https://t.me/+telegramtest" }, `exportChatInviteLink createInvoiceLink`)
	add(func(s *Server, p params) any {
		return map[string]any{
			"invite_link": "https://t.me/+telegramtest", "creator": s.me,
			"creates_join_request": p.bool("creates_join_request"), "is_primary": false, "is_revoked": false,
		}
	}, `createChatInviteLink editChatInviteLink revokeChatInviteLink createChatSubscriptionInviteLink editChatSubscriptionInviteLink`)
	add(func(s *Server, p params) any { return map[string]any{"name": s.me.FirstName} }, `getMyName`)
	add(func(*Server, params) any { return map[string]any{"description": ""} }, `getMyDescription`)
	add(func(*Server, params) any { return map[string]any{"short_description": ""} }, `getMyShortDescription`)
	add(func(*Server, params) any { return map[string]any{"type": "default"} }, `getChatMenuButton`)
	add(func(*Server, params) any { return map[string]any{"boosts": []any{}} }, `getUserChatBoosts`)
	add(func(*Server, params) any { return map[string]any{"inline_message_id": "telegramtest"} }, `answerWebAppQuery`)
	add(func(_ *Server, p params) any {
		return map[string]any{
			"id": "1", "question": "?", "options": []any{}, "total_voter_count": 0,
			"is_closed": true, "is_anonymous": true, "type": "regular", "allows_multiple_answers": false,
		}
	}, `stopPoll`)
	return m
}()

func (s *Server) nextMessage() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	return s.messages
}

// message is what sendMessage and its like return.
func (s *Server) message(p params) any {
	m := map[string]any{
		"message_id": s.nextMessage(),
		"from":       s.me,
		"chat":       chatByID(p["chat_id"]),
		"date":       time.Now().Unix(),
	}
	for _, name := range [...]string{"text", "caption"} {
		if text, ok := p[name]; ok {
			m[name] = text
		}
	}
	return m
}

// chatByID makes the chat that has such an id: people have positive ones, and
// those of channels and supergroups start with -100.
func chatByID(id string) Chat {
	n, err := strconv.ParseInt(id, 10, 64)
	switch {
	case err != nil:
		return Chat{ID: -1001000000000, Type: "channel", Title: "Channel", Username: strings.TrimPrefix(id, "@")}
	case n > 0:
		return Chat{ID: n, Type: "private", FirstName: "User"}
	case strings.HasPrefix(id, "-100"):
		return Chat{ID: n, Type: "supergroup", Title: "Group"}
	default:
		return Chat{ID: n, Type: "group", Title: "Group"}
	}
}
