package store

// A view goes through the registers that a reader of a Record sees, in the order
// of their fields.
type view struct {
	rest []Register
	// of is the email or the phone number that was seen last. Its flag stands
	// right behind it.
	of Register
}

// next returns the next register that is seen. ok is false at the end.
func (v *view) next() (seen Register, ok bool) {
	for len(v.rest) > 0 && !ok {
		n := 1
		for n < len(v.rest) && v.rest[n].Field == v.rest[0].Field {
			n++
		}
		seen, ok = v.choose(v.rest[:n])
		v.rest = v.rest[n:]
	}
	return seen, ok
}

// choose returns the one of a field's registers that is seen, if any.
func (v *view) choose(regs []Register) (seen Register, ok bool) {
	switch regs[0].Field {
	case FieldEmailVerified:
		return v.flagOf(FieldEmail, regs)
	case FieldPhoneVerified:
		return v.flagOf(FieldPhoneNumber, regs)
	}
	for _, reg := range regs {
		if !reg.Cleared {
			seen, ok = reg, true
		}
	}
	switch seen.Field {
	case FieldEmail, FieldPhoneNumber:
		v.of = seen
	}
	return seen, ok
}

// flagOf returns what the source of the address that is seen says of it. Another
// source means another address.
func (v *view) flagOf(address Field, regs []Register) (Register, bool) {
	if v.of.Field == address {
		for _, reg := range regs {
			if reg.Source == v.of.Source && !reg.Cleared {
				return reg, true
			}
		}
	}
	return Register{}, false
}
