// Package fused trains many nets as one. The nets of a [Block] see the same
// minibatches, so their first layers are one wide matrix product: the images are
// gathered, converted and packed once for all of them, and the product is wide enough to
// keep the machine at its peak. Deeper layers are block-diagonal: one small product a net.
//
// A net's weights and losses are the same bits alone, in any block and at any
// position in it, before and after its neighbours leave, on every kernel set
// that is [kernels.Set.Stable]. A single net is a block of one, by the same path: nn.Net.Train
// is such a block. A test of package nn compares it with the loop of the assignment, written out.
//
// Shapes: N images in a minibatch, D pixels, K nets, H hidden units of one net, ΣH of
// all nets, C classes. Weights are (out, in): row h of W1 is the image that unit h looks for.
package fused
