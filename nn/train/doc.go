// Package train trains many nets as one. The nets of a [Block] share their minibatches, so their
// first layers are one wide matrix product. The images are gathered, converted and packed once for
// all nets, and the product is wide enough to reach the peak of the machine. Each net has one small
// product for each deeper layer.
//
// The weights and losses of a net have the same bits alone and in any block. They do not depend on
// the position in the block or on neighbours that leave it. This holds for every kernel set that is
// [kernels.Set.Stable]. A single net is a block of one, and nn.Net.Train is such a block. A test of
// package nn compares it with the plain loop of the assignment.
//
// A [Trainer] trains a block to a [Schedule] of minibatches from a [Source]. [Trainer.Checkpoint]
// returns its state as a safetensors file, from which [Trainer.Restore] resumes.
//
// Shapes: N images in a minibatch, D pixels, K nets, H hidden units of one net, ΣH of all nets, C
// classes. Weights are (out, in): row h of W1 is the image that unit h looks for.
package train
