package main

// suites are all tests that promises rest on, in the order of the table.
var suites = []suite{
	{dir: "internal/prove", args: []string{"-rapid.checks=10000"}, soak: []string{"-rapid.checks=1000000"}},
	{dir: "internal/natstest", args: []string{"-kills", "30"}, soak: []string{"-kills", "200"}, beside: true, proofs: []proof{
		{"JetStream, killed leaders: nothing acknowledged is lost", "TestKilledLeadersLoseNothing"},
		{"JetStream, killed node", "TestKillOfTheOneNode"},
		{"JetStream: a forgotten person is out of the bucket", "TestForgetEmptiesTheBucket"},
		{"JetStream, several processes: each change is kept", "TestProcessesMerge"},
		{"JetStream: a killed deliverer is replaced", "TestKilledDelivererIsReplaced"},
	}},
	{dir: "internal/prove/disk", proofs: []proof{
		{"the power cut itself: SQLite's safe settings hold, others lose", "TestPowerCutsTellSettingsApart"},
	}},
	{dir: "middleware", proofs: []proof{
		{"kill -9 in deliveries: nobody lost", "TestKillsInDeliveryLoseNobody"},
		{"a week's outage: all newest, one delivery each", "TestSevenDaysAway"},
		{"who will never be taken delays nobody", "TestPoisonDelaysNobodyElse"},
		{"401 for an hour: nobody given up", "TestAnHourWithoutAccessLosesNobody"},
		{"Retry-After is kept, 5 minutes at the most", "TestThrottlingIsHeededByAll"},
		{"a backend of wrong answers: converges, leaks nothing", "TestHostileServer"},
		{"a late request undoes nothing", "TestNothingOvertakesARequestThatMayStillLand"},
		{"nor that of a dead process", "TestNothingOvertakesTheRequestOfADeadProcess"},
		{"a forged time freezes no profile", "TestForgedTimeOfAnUnchangedEvent"},
		{"human decisions survive messages", "TestHumanDecisionsSurviveMessages"},
	}},
	{dir: "middleware", args: []string{"-rapid.checks=1000"}, soak: []string{"-rapid.checks=100000"}, proofs: []proof{
		{"order: the backend ends as the store", "TestEverySchedule"},
		{"order: messages, disorder, refusals, restarts", "TestAnyScheduleConverges"},
		{"order: around a store at work", "TestAnyScheduleAroundAStoreAtWork"},
	}},
	{dir: "store", proofs: []proof{
		{"Merge: commutative", "TestMergeIsCommutative"},
		{"Merge: associative", "TestMergeIsAssociative"},
		{"Merge: idempotent", "TestMergeIsIdempotentAndZeroIsNeutral"},
		{"harmful text is repaired, honest text left alone", "TestHarmfulTextIsRepaired"},
		{"a URL with a bot's token is refused", "TestAURLThatHoldsABotTokenIsRefused"},
		{"ids that differ only in bad bytes are refused", "TestBadKeysAreRefusedAndNeverRepaired"},
	}},
	contract("store/memstore"),
	{dir: "store/sqlitestore", proofs: []proof{
		{"kill -9 under load: nothing acknowledged is lost", "TestKillLosesNothingAcknowledged"},
		{"kill -9 while the file is made", "TestKillWhileTheFileIsMade"},
		{"several processes at one file: each change is kept", "TestContract/merges-in-a-race/processes"},
		{"a backup under load has all that was acknowledged", "TestBackupUnderLoadHoldsAllThatWasAcknowledged"},
		{"SQLite with the WAL-reset bug is refused", "TestOldSQLiteIsRefused"},
	}},
	// Where no disk may be mounted, TestFullDiskLosesNothing of internal/prove still
	// fills a simulated one.
	{dir: "store/sqlitestore", privileged: true, proofs: []proof{
		{"a disk that is full for real: nothing acknowledged is lost", "TestFullDiskLosesNothingAcknowledged"},
	}},
	contract("store/sqlitestore"),
	{dir: "store/pgstore", proofs: []proof{
		{"Postgres, kill -9: nothing acknowledged is lost", "TestKillLosesNothingAcknowledged"},
		{"Postgres, restarts under load", "TestServerRestartsUnderLoad"},
		{"Postgres, several processes: each change is kept", "TestProcessesOnOneSchemaMerge"},
		{"Postgres: killed deliverers are taken over", "TestDeliverersAreTakenOver"},
	}},
	contract("store/pgstore"),
	{dir: "internal/toxitest", proofs: []proof{
		{"Postgres over a bad line: the bot goes on, nobody is lost", "TestBotAndBackendThroughTrouble"},
		{"the same at 10,000 Observes a second", "TestObserveAtPaceThroughTrouble"},
	}},
	contract("internal/natstest"),
	{dir: "store/backend/rest", proofs: []proof{
		{"TLS: self-signed, expired and wrong names are refused", "TestTLSIsVerified"},
		{"redirects are not followed", "TestRedirectsAreNotFollowed"},
		{"an answer without end is cut off", "TestAnAnswerWithoutEnd"},
		{"no error holds a secret", "TestNoErrorHoldsASecret"},
	}},
	backend("store/backend/monosay", "monosay"),
	backend("store/backend/genauth", "GenAuth"),
	backend("store/backend/rocketchat", "Rocket.Chat"),
	backend("store/backend/webhook", "webhook"),
	{dir: "store/backend/genauth", proofs: []proof{
		{"mass assignment: no text becomes a key", "TestNoTextBecomesAKey"},
		{"mass assignment: no role, status or password", "TestNoRoleStatusOrPasswordIsEverSent"},
	}},
	{dir: "store/backend/rocketchat", proofs: []proof{
		{"mass assignment: roles are not given away", "TestRolesAreNotGivenAway"},
	}},
	{dir: "store/export", proofs: []proof{
		{"an export holds no formula", "TestWhatWouldBeAFormulaIsText"},
		{"nor can a name break it", "TestHostileTexts"},
	}},
	{dir: "adapters/telegram", proofs: []proof{
		{"impersonators make no profile (Telegram)", "TestStandInsAreNobody"},
		{"a bot's token is in no error, however it is escaped", "TestTokenIsRedactedHoweverItIsEscaped"},
	}},
	{dir: "adapters/discord", proofs: []proof{
		{"impersonators make no profile (Discord)", "TestWhoIsNoPersonIsDroppedWithTheReason"},
		{"a bot's token is in no error", "TestNoTokenIsInTheErrorOfAReply"},
	}},
}

// contract are the properties of a store's contract that promises rest on.
func contract(dir string) suite {
	return suite{dir: dir, proofs: []proof{
		{"every hostile text in every field, as it was", "TestContract/texts-are-exact"},
		{"pairs of like keys stay two people", "TestContract/keys-apart"},
		{"bad keys are refused", "TestContract/malformed-keys"},
		{"forgotten: nothing of before comes back", "TestContract/forget-erases"},
		{"forgotten: a delivery that lands late too", "TestContract/forget-during-delivery"},
	}}
}

// backend is the whole contract of a backend: hostile texts in every field, like keys,
// answers without end, false ones, redirects, its own secrets said back to it.
func backend(dir, name string) suite {
	return suite{dir: dir, proofs: []proof{{name + ": hostile texts, answers and redirects", "TestContract"}}}
}
