package store

// A view goes through the registers that a reader of a Record sees, in the order
// of their fields.
type view struct {
	rest []Register
	// of is the email or the phone number that was seen last, nil for none. Its flag
	// stands right behind it.
	of *Register
}

// next returns the next register that is seen, nil at the end.
func (v *view) next() (seen *Register) {
	for len(v.rest) > 0 && seen == nil {
		n := 1
		for n < len(v.rest) && v.rest[n].Field == v.rest[0].Field {
			n++
		}
		seen = v.choose(v.rest[:n])
		v.rest = v.rest[n:]
	}
	return seen
}

// choose returns the one of a field's registers that is seen, if any.
func (v *view) choose(regs []Register) (seen *Register) {
	switch regs[0].Field {
	case FieldEmailVerified:
		return v.flagOf(FieldEmail, regs)
	case FieldPhoneVerified:
		return v.flagOf(FieldPhoneNumber, regs)
	}
	for i := range regs {
		if !regs[i].Cleared {
			seen = &regs[i]
		}
	}
	switch regs[0].Field {
	case FieldEmail, FieldPhoneNumber:
		v.of = seen
	}
	return seen
}

// flagOf returns what the source of the address that is seen says of it. Another
// source means another address.
func (v *view) flagOf(address Field, regs []Register) *Register {
	if v.of == nil || v.of.Field != address {
		return nil
	}
	for i := range regs {
		if regs[i].Source == v.of.Source && !regs[i].Cleared {
			return &regs[i]
		}
	}
	return nil
}
