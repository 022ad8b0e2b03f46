// Package nn has the nets of the ECE 239AS / CS231n assignment. These are layers, losses, the
// two-layer and the fully connected ReLU net, and the tied linear autoencoder. It also has their
// training, the [Solver] with its update rules, and gradient checks.
//
// Everything is generic over [kernels.Float] and runs on any [kernels.Set]. With float64, the
// results have the digits that the assignment prints. With float32, training is twice as fast. The
// caller passes in all randomness as an [nprand.State], which is NumPy's legacy stream. Therefore a
// seed gives the same numbers as in the course.
//
// [Net.Train] does what the method train of the course's nets does. It uses the code that also
// trains the blocks of a sweep. The Solver trains any [Model] with any update rule, and its
// checkpoints are safetensors files; see [Solver.Resume].
//
//	set := reference.New()
//	rng := nprand.New(0)
//	net := nn.NewTwoLayer[float32](set, 3072, 50, 10, 1e-4, rng)
//	net.Reg = 0.25
//	history, err := net.Train(ctx, train, val, nn.DefaultTrainConfig(), rng)
//
// Shapes: N samples, D inputs, H hidden units, C classes. A sample is a row.
package nn
