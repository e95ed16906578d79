package main

// suites are all tests that promises rest on, in the order of the table.
var suites = []suite{
	{dir: "internal/prove"},
	{dir: "middleware", proofs: []proof{
		{"kill -9 in deliveries: nobody lost", "TestKillsInDeliveryLoseNobody"},
		{"a week's outage: all newest, one delivery each", "TestSevenDaysAway"},
		{"what will never be taken delays nobody", "TestPoisonDelaysNobodyElse"},
		{"401 for an hour: nobody given up", "TestAnHourWithoutAccessLosesNobody"},
		{"Retry-After is kept, up to 5 minutes", "TestThrottlingIsHeededByAll"},
		{"a backend of wrong answers: converges, leaks nothing", "TestHostileServer"},
		{"order: the backend ends as the store", "TestEverySchedule"},
		{"order: newest wins", "TestAnyScheduleConverges"},
		{"order: newest wins around a store at work", "TestAnyScheduleAroundAStoreAtWork"},
		{"a late request undoes nothing", "TestNothingOvertakesARequestThatMayStillLand"},
	}},
}
