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
	delivered := Standing{State: StateDelivered, Version: 7, Touched: true, Remote: "r", Due: now}
	claimed := Standing{State: StateOwed, Version: 7, Fields: []Field{FieldBio}, Token: 5, Touched: true, Due: later, Attempts: 2, Reason: "in vain"}
	released := claimed
	released.Token = 0
	whole := Standing{}.Bulked(now)
	changed := delivered.Changed([]Field{FieldGivenName}, now)
	toErase, _ := delivered.Forgotten(now)
	erased := Standing{State: StateErased, Version: 9, Touched: true, Due: now}
	untouched := Standing{}.Changed([]Field{FieldGivenName}, now)
	noRemote := Standing{State: StateDelivered, Version: 2, Touched: true, Due: now}
	withRemote := noRemote
	withRemote.Remote = "r"

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
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{claimed}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
		}, {
			"what is news here is owed",
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: said(later, "Anna"), Standings: []Standing{delivered}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{changed}},
		}, {
			"what is older is no news",
			Dossier{Record: said(later, "Anna"), Standings: []Standing{delivered}},
			Dossier{Record: said(now, "Ann"), Standings: []Standing{delivered}},
			Dossier{Record: Merge(said(now, "Ann"), said(later, "Anna")), Standings: []Standing{delivered}},
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
