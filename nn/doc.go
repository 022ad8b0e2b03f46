// Package nn holds the nets of the ECE 239AS / CS231n assignment: layers and
// losses, the two-layer and fully connected ReLU nets, their training, the
// Solver with its update rules, gradient checks and the tied linear autoencoder.
//
// Everything is generic over [kernels.Float] and runs on any [kernels.Set]. In
// float64 it gives the digits that the assignment prints; in float32 it is
// twice as fast. All randomness comes from an [nprand.State], NumPy's legacy
// stream, that the caller passes in, so a seed means what it means in the course.
//
//	set := reference.New()
//	rng := nprand.New(0)
//	net := nn.NewTwoLayer[float32](set, 3072, 50, 10, 1e-4, rng)
//	net.Reg = 0.25
//	history, err := net.Train(ctx, train, val, nn.DefaultTrainConfig(), rng)
//
// Shapes: N samples, D inputs, H hidden units, C classes; a sample is a row.
package nn
