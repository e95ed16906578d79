package main

// subjects are all, in the order of the table.
func subjects() []Subject {
	return []Subject{
		unchangedSender(),
		pollToHandler(),
		gatewayEvent(),
		rawDecode(),
		seenTable(),
		seenKnown(),
		seenMemory(),
		seenHits(),
		changedSender(),
		merge(),
		storeBatch(),
		listing(),
		starting(),
		importing(),
		sqliteTrace(),
		postgresTrace(),
	}
}

// curves are all, in the order of the plot.
func curves() []Curve {
	return []Curve{
		seenCurve(),
		observeCurve(),
		storeCurve(),
	}
}
