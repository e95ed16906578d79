package genauth

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// stringToSign is what a signature is made of: the method, the signed headers by
// their lower-case names, and the path with the query or the top level of the
// body, unescaped. The algorithm is that of the vendor's clients
// (https://github.com/Authing/authing-node-sdk and
// https://github.com/GenAuth-Official/genauth-node-sdk, buildSignature).
func stringToSign(method, path string, headers map[string]string, params object) (string, error) {
	var b strings.Builder
	b.WriteString(method + "\n")
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b.WriteString(name + ":" + strings.TrimSpace(blanks.Replace(headers[name])) + "\n")
	}
	b.WriteString(path)
	mark := byte('?')
	for _, key := range slices.Sorted(maps.Keys(params)) {
		b.WriteByte(mark)
		mark = '&'
		b.WriteString(key + "=")
		if text, ok := params[key].(string); ok {
			b.WriteString(strings.ToValidUTF8(text, "\ufffd"))
			continue
		}
		text, err := appendJSON(nil, params[key])
		if err != nil {
			return "", err
		}
		b.Write(text)
	}
	return b.String(), nil
}

var blanks = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ", "\f", " ")

func signature(secret, toSign string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(toSign))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
