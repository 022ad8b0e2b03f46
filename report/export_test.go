package report

// CurvesEvery returns n if the page has the curve of one in n of the trials that are not among the best ones.
func CurvesEvery(rows int) int { return curvesEvery(rows) }
