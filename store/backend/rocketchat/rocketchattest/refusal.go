package rocketchattest

import "net/http"

// A refusal is an answer that is no success.
type refusal struct {
	status  int
	text    string
	code    string // errorType, "" for none
	coded   bool   // the text ends in the code
	details any
}

// coded is what the server makes of an error that has a code.
func coded(code, text string, details any) *refusal {
	return &refusal{status: http.StatusBadRequest, text: text, code: code, coded: true, details: details}
}

// plain is what the server makes of an error without a code.
func plain(text string) *refusal { return &refusal{status: http.StatusBadRequest, text: text} }

// body is the JSON of r.
func (r *refusal) body(before8 bool) map[string]any {
	text := r.text
	if r.coded {
		text += " [" + r.code + "]"
	}
	body := map[string]any{"success": false, "error": text}
	if r.code != "" {
		body["errorType"] = r.code
	}
	if r.details != nil {
		body["details"] = r.details
	}
	if r.status == http.StatusUnauthorized && before8 {
		body["status"], body["message"] = "error", r.text
	}
	return body
}

// notAllowed is the answer to an action that the account has no permission for.
func notAllowed(text, action string) *refusal {
	return coded("error-action-not-allowed", text, map[string]any{"method": "insertOrUpdateUser", "action": action})
}

// unauthorized is the other answer to that, by endpoints that look by themselves.
func (s *Service) unauthorized() *refusal {
	status := http.StatusUnauthorized
	if s.o.Before8 {
		status = http.StatusForbidden
	}
	return &refusal{status: status, text: "unauthorized"}
}
