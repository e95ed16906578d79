package store

import (
	"reflect"
	"testing"
	"time"
)

func TestDossierJoin(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	later := now.Add(time.Minute)
	key := Key{Channel: "telegram", UserID: "42"}
	said := func(at time.Time, name string) Record {
		return Patch{Key: key, At: at, Set: map[Field]string{FieldGivenName: name}}.Record()
	}
	at := func(backend string, s Standing) Standing {
		s.Backend, s.Key = backend, key
		return s
	}
	past := now.Add(-time.Minute)
	delivered := Standing{State: StateDelivered, Version: 7, Touched: true, Remote: "r", Due: now}
	formerly := delivered
	formerly.Due = past
	claimed := Standing{State: StateOwed, Version: 7, Fields: []Field{FieldBio}, Token: 5, Touched: true, Due: later, Attempts: 2, Reason: "in vain"}
	released := claimed
	released.Token = 0
	whole := Standing{}.Bulked(now)
	changed := delivered.Changed([]Field{FieldGivenName}, now)
	toErase, _ := delivered.Forgotten(now)
	owedErasure := toErase
	owedErasure.All, owedErasure.Due = true, past
	erased := Standing{State: StateErased, Version: 9, Touched: true, Due: later}
	erasedOnce := erased
	erasedOnce.Due = past
	dead := Standing{State: StateDead, Version: 7, Touched: true, All: true, Due: now, Attempts: 1, Reason: "never"}
	deadEarlier := dead
	deadEarlier.Due = past
	owedBefore := Standing{State: StateOwed, Version: 8, Touched: true, Fields: []Field{FieldBio}, Due: past}
	owed := owedBefore
	owed.Due = later
	bulk := Standing{}.Bulked(later)
	untouched := Standing{}.Changed([]Field{FieldGivenName}, now)
	noRemote := Standing{State: StateDelivered, Version: 2, Touched: true, Due: now}
	withRemote := noRemote
	withRemote.Remote = "r"

	withVersion := func(s Standing, version int64) Standing { s.Version = version; return s }
	withRemoteOf := func(s Standing, remote string) Standing { s.Remote = remote; return s }
	touched := func(s Standing) Standing { s.Touched = true; return s }

	for _, c := range []struct {
		name             string
		here, from, want Dossier
	}{
		{
			"somebody new keeps how they stand", Dossier{},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
		}, {
			"a claim does not move house", Dossier{},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{claimed}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{released}},
		}, {
			"somebody whom the old store had not enrolled yet is owed whole", Dossier{},
			Dossier{Record: said(now, "Ann")},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{whole}},
		}, {
			"the same once more changes nothing",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{released}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{claimed}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{released}},
		}, {
			"what was delivered there since is owed here no more",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{owedBefore}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{withVersion(delivered, 8)}},
		}, {
			"also where it is news",
			Dossier{Record: said(past, "Al"), Standings: []Standing{formerly}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: Merge(said(past, "Al"), said(now, "Ann")), Standings: []Standing{delivered}},
		}, {
			"what is owed here since, or may have been sent from here since, stays owed",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{owed}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{withRemoteOf(owed, "r")}},
		}, {
			"what was delivered there is not owed for an enrolment here",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{bulk}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
		}, {
			"unless something is known here only",
			Dossier{Record: said(later, "Anna"), Standings: []Standing{bulk}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{withRemoteOf(touched(bulk.Changed([]Field{FieldGivenName}, now)), "r")}},
		}, {
			"what is owed there is owed here, behind the pause",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{released}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{{
				State: StateOwed, Version: 8, Fields: []Field{FieldBio}, Touched: true, Remote: "r", Due: later, Attempts: 2, Reason: "in vain",
			}}},
		}, {
			"what died there since is dead here",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{formerly}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{dead}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{withRemoteOf(dead, "r")}},
		}, {
			"dead once more is dead",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{dead}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{dead}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{dead}},
		}, {
			"what died there since is owed where this store knows more",
			Dossier{Record: said(later, "Anna"), Standings: []Standing{formerly}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{dead}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{func() Standing {
				s := formerly.Changed([]Field{FieldGivenName}, now).Changed(nil, now)
				s.All = true
				return s
			}()}},
		}, {
			"news of this store adds to what is taken over",
			Dossier{Record: said(later, "Anna")},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{changed}},
		}, {
			"who is kept is owed whole behind the erasure", Dossier{},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{toErase}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{func() Standing { s := toErase; s.All = true; return s }()}},
		}, {
			"an erasure that is owed here is not settled by a delivery there",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{owedErasure}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{owedErasure}},
		}, {
			"whole is added",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{whole}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{withRemoteOf(touched(func() Standing { s := delivered.Bulked(now); return s }()), "r")}},
		}, {
			"what is added to a claim is not settled by it",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{claimed}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{owedBefore}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{withVersion(claimed, 8)}},
		}, {
			"what died there before is forgotten there by now",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{deadEarlier}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
		}, {
			"what is older there may have been sent after what is newer here",
			Dossier{Record: said(later, "Anna"), Standings: []Standing{formerly}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{formerly.Changed([]Field{FieldGivenName}, now)}},
		}, {
			"who is kept here and was forgotten there is erased first",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{formerly}},
			Dossier{Standings: []Standing{toErase}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{{
				State: StateOwed, Version: 8, Fields: []Field{FieldGivenName, FieldStatus}, All: true, Erase: true, Touched: true, Remote: "r", Due: now,
			}}},
		}, {
			"fields that are in no order are brought into it", Dossier{},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{{State: StateOwed, Version: 1, Fields: []Field{FieldGivenName, FieldBio, FieldBio}, Due: now.Add(1)}}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{{State: StateOwed, Version: 1, Fields: []Field{FieldBio, FieldGivenName}, Due: now}}},
		}, {
			"a state that is none is not known", Dossier{},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{{State: "lost"}}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{whole}},
		}, {
			"what is news here, and was sent there before, is owed",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(later, "Anna"), Standings: []Standing{formerly}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{changed}},
		}, {
			"what is older there may be what the backend has, whatever was sent from here since",
			Dossier{Record: said(later, "Anna"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{formerly}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{changed}},
		}, {
			"what is known here to be gone, and was sent from there before, is cleared",
			Dossier{Record: said(later, ""), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{formerly}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "")), Standings: []Standing{changed}},
		}, {
			"what is older and the same is no news",
			Dossier{Record: said(later, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{formerly}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Ann")), Standings: []Standing{delivered}},
		}, {
			"the backend's id of the person is taken over",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{noRemote}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{withRemote}},
		}, {
			"forgotten there, delivered here",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Forgotten: true},
			Dossier{Forgotten: true, Standings: []Standing{toErase}},
		}, {
			"forgotten here, delivered there",
			Dossier{Forgotten: true},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Forgotten: true, Standings: []Standing{toErase}},
		}, {
			"forgotten there, and erased already",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Forgotten: true, Standings: []Standing{erased}},
			Dossier{Forgotten: true, Standings: []Standing{erased}},
		}, {
			"forgotten there, and erased, but sent from here since",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Forgotten: true, Standings: []Standing{erasedOnce}},
			Dossier{Forgotten: true, Standings: []Standing{toErase}},
		}, {
			"forgotten here, and erased, but sent from there since",
			Dossier{Forgotten: true, Standings: []Standing{erasedOnce}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Forgotten: true, Standings: []Standing{withVersion(toErase, 9)}},
		}, {
			"forgotten here while a delivery is under way there",
			Dossier{Forgotten: true},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{claimed}},
			Dossier{Forgotten: true, Standings: []Standing{{State: StateOwed, Version: 8, Erase: true, Touched: true, Due: later, Attempts: 2}}},
		}, {
			"to be erased by both, there while a delivery is under way",
			Dossier{Forgotten: true, Standings: []Standing{toErase}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{claimed}},
			Dossier{Forgotten: true, Standings: []Standing{func() Standing { s := toErase; s.Due, s.Attempts = later, 2; return s }()}},
		}, {
			"forgotten there, and still owed the erasure", Dossier{},
			Dossier{Forgotten: true, Standings: []Standing{toErase}},
			Dossier{Forgotten: true, Standings: []Standing{toErase}},
		}, {
			"forgotten, and no backend ever got anything",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{untouched}},
			Dossier{Forgotten: true},
			Dossier{Forgotten: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range []*Dossier{&c.here, &c.from, &c.want} {
				d.Key = key
				for i, s := range d.Standings {
					d.Standings[i] = at("crm", s)
				}
			}
			if got := c.here.Join(c.from, []string{"crm"}, now); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			c.want.Standings = nil
			if got := c.here.Join(c.from, nil, now); !reflect.DeepEqual(got, c.want) {
				t.Errorf("without the backend: got %+v\nwant %+v", got, c.want)
			}
		})
	}
}
