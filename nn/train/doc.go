// Package train trains many nets as one. The nets of a [Block] share their minibatches, so their
// first layers are one wide matrix product. The images are gathered, converted and packed once for
// all nets, and the product is wide enough to reach the peak of the machine. Each net has one small
// product for each deeper layer.
//
// The weights and losses of a net have the same bits whether it trains alone or in a block. They do
// not depend on its position in the block or on other nets that leave the block. This holds for
// every kernel set that is [kernels.Set.Stable]. A single net is a block of one, and nn.Net.Train
// is such a block. A test of package nn compares it with the plain loop of the assignment.
//
// A [Trainer] trains a block according to a [Schedule], with minibatches from a [Source].
// [Trainer.Checkpoint] returns its state as a safetensors file, from which [Trainer.Restore]
// resumes.
//
// Shapes: N images in a minibatch, D pixels, K nets, H hidden units of one net, ΣH hidden units of
// all nets, C classes. Weights are (out, in): row h of W1 is the image that unit h looks for.
package train
