package folder

// For tests.
var (
	AboutSum     = aboutSum
	ParseWeights = parseWeights
)
