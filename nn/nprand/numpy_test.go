package nprand

// Values that NumPy 1.24.2 returns for np.random.RandomState(7).randint(low, high, size, dtype=np.int64).
var (
	randintSmall = []int64{1, -2, 3, 0, 0, 1, -2, 3, -3, -2, 3, -1}
	randint32    = []int64{327741615, 976413892, 3349725721, 1369975286}
	randint33    = []int64{1322904761, 1133316631, 372560217, 1801189930, 68334472, 3731473840}
	randint64    = []int64{-7815732517915138876, 5163590386780219894, -1136149262272507693, 4122204982959224423}
)
