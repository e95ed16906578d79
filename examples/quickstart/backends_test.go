package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// deliveries returns what the story says of a backend, in its order: "telegram:1001
// delivered name".
func deliveries(story, backend string) (lines []string) {
	for line := range strings.Lines(story) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "-> "+backend+" "); ok {
			lines = append(lines, strings.Join(strings.Fields(rest), " "))
		}
	}
	return lines
}

// holdings returns the table of one system at the end of the story.
func holdings(t *testing.T, story, title string) string {
	t.Helper()
	_, table, ok := strings.Cut(story, "What "+title+" holds:\n\n")
	if !ok {
		t.Fatalf("no table of %s in\n%s", title, story)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	return table
}

func TestTheDayAtThreeSystems(t *testing.T) {
	o := options{db: filepath.Join(t.TempDir(), "users.db"), backends: true}
	story, _ := perform(t, o)

	for _, want := range []string{
		"telegram:1001 delivered family_name, given_name, name, username",
		"telegram:1001 delivered given_name, name",
		"telegram:1001 delivered family_name, name",
		"discord:260000000000000002 failed middleware: erase discord:260000000000000002 at monosay: the backend cannot erase",
	} {
		if !slices.Contains(deliveries(story, "monosay"), want) {
			t.Errorf("no %q among\n%s", want, strings.Join(deliveries(story, "monosay"), "\n"))
		}
	}
	for _, backend := range []string{"genauth", "rocketchat"} {
		if all := deliveries(story, backend); all[len(all)-1] != "discord:260000000000000002 erased" {
			t.Errorf("the last of %s is %q, want Eli erased", backend, all[len(all)-1])
		}
	}

	_, outage, _ := strings.Cut(story, "GenAuth goes down.")
	outage, back, _ := strings.Cut(outage, "GenAuth is back")
	for _, line := range deliveries(outage, "genauth") {
		if !strings.Contains(line, " retry ") || !strings.Contains(line, "refuses the connection") {
			t.Errorf("while GenAuth is down: %q", line)
		}
	}
	if len(deliveries(outage, "genauth")) == 0 || len(deliveries(outage, "rocketchat")) == 0 {
		t.Errorf("the outage shows no retry of GenAuth, or none of the others:\n%s", outage)
	}
	back, _, _ = strings.Cut(back, "\n\n")
	after := slices.DeleteFunc(deliveries(back, "genauth"), func(line string) bool {
		return strings.Contains(line, " retry ") // one that was under way when the line before was printed
	})
	slices.Sort(after)
	if want := []string{
		"discord:260000000000000001 delivered locale, name, picture",
		"telegram:1003 delivered family_name, given_name, locale, name",
	}; !slices.Equal(after, want) {
		t.Errorf("GenAuth is brought %q, want each person once: %q", after, want)
	}

	for title, rows := range map[string][]string{
		"Monosay":     {"telegram:1001 Anna - ann_archer", "telegram:1003 陈 伟 -", "discord:260000000000000002 eli.codes - eli.codes"},
		"GenAuth":     {"telegram:1001 telegram_1001 Anna Anna - en +14155552671", "telegram:1002 telegram_1002 Борис Борис - ru -"},
		"Rocket.Chat": {"telegram_1001 Anna en telegram_1001@rollcall.invalid"},
	} {
		table := holdings(t, story, title)
		for _, want := range rows {
			if !slices.ContainsFunc(strings.Split(table, "\n"), func(row string) bool { return strings.Join(strings.Fields(row), " ") == want }) {
				t.Errorf("%s holds\n%s\nand not %q", title, table, want)
			}
		}
		if title != "Monosay" && strings.Contains(table, "eli") {
			t.Errorf("%s still holds who was forgotten:\n%s", title, table)
		}
	}
}

func TestBackendsAddedLaterAreBroughtEverybody(t *testing.T) {
	o := options{db: filepath.Join(t.TempDir(), "users.db")}
	perform(t, o)
	o.backends = true
	story, _ := perform(t, o)
	if strings.Contains(story, "Resync") {
		t.Errorf("nobody was at a backend before, and all are resynced:\n%s", story)
	}
	for _, backend := range []string{"monosay", "genauth", "rocketchat"} {
		if !strings.Contains(story, "  "+backend+": 5 of 5 people\n") {
			t.Errorf("the story does not say that %s has all:\n%s", backend, story)
		}
	}
	if table := holdings(t, story, "GenAuth"); strings.Count(strings.TrimSpace(table), "\n") != 5 {
		t.Errorf("GenAuth holds\n%s\nwant five people", table)
	}

	again, _ := perform(t, o)
	if !strings.Contains(again, "Resync") || holdings(t, again, "GenAuth") != holdings(t, story, "GenAuth") {
		t.Errorf("the next run, with new doubles, ends in\n%s", again)
	}
}
