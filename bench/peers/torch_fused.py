#!/usr/bin/env python3
"""Times a block of two-layer nets that is written by hand in PyTorch, as a rival for BenchmarkStep.

    python3 bench/peers/torch_fused.py --nets 8 --steps 50 --rounds 5

All nets of the block are one product in the first layer and one batched product in the second. There
is no autograd, and updates are in place. Each net has its own learning rate and regularization. A step
draws a minibatch of 200 from 49,000 float32 images with 3,072 pixels. The pixels are random, because
the time does not depend on them.

The output is the median over the rounds of the time of one step, and the rates that follow from it.
Only the 4·N·D·H operations of each first layer count as FLOPs, as in BenchmarkStep.

PyTorch is fastest with one thread in one process for each core. For a CPU that OpenBLAS does not know,
OPENBLAS_CORETYPE must name a core with the same vectors, such as SKYLAKEX.
"""
import argparse
import statistics
import time

import torch

PIXELS, HIDDEN, CLASSES, IMAGES, BATCH = 3072, 50, 10, 49_000, 200


class Block:
    """K nets PIXELS-HIDDEN-CLASSES, with the weights of all first layers side by side."""

    def __init__(self, nets):
        self.nets = nets
        self.w1 = torch.randn(PIXELS, nets * HIDDEN) * 1e-4
        self.b1 = torch.zeros(nets * HIDDEN)
        self.w2 = torch.randn(nets, HIDDEN, CLASSES) * 1e-4
        self.b2 = torch.zeros(nets, 1, CLASSES)
        rates = torch.linspace(1e-4, 1e-3, nets)
        keep = 1 - rates * torch.linspace(0.25, 0.9, nets)
        self.rate, self.keep = rates.view(-1, 1, 1), keep.view(-1, 1, 1)
        self.unit_rate, self.unit_keep = rates.repeat_interleave(HIDDEN), keep.repeat_interleave(HIDDEN)
        self.sample = torch.arange(BATCH)

    def step(self, x, y):
        """Does one step of gradient descent, and returns the loss of each net."""
        hidden = torch.addmm(self.b1, x, self.w1).clamp_(min=0)
        each = hidden.view(BATCH, self.nets, HIDDEN).transpose(0, 1)
        delta = torch.softmax(torch.baddbmm(self.b2, each, self.w2), dim=2)
        right = delta[:, self.sample, y]
        loss = -right.log().mean(dim=1)
        delta[:, self.sample, y] = right - 1
        delta.div_(BATCH)

        back = torch.bmm(delta, self.w2.transpose(1, 2)).transpose(0, 1).reshape(BATCH, -1)
        back.mul_(hidden > 0).mul_(self.unit_rate)
        self.w2.mul_(self.keep).sub_(torch.bmm(each.transpose(1, 2), delta).mul_(self.rate))
        self.b2.sub_(delta.sum(dim=1, keepdim=True).mul_(self.rate))
        self.b1.sub_(back.sum(dim=0))
        self.w1.mul_(self.unit_keep).addmm_(x.t(), back, alpha=-1)
        return loss


def main():
    flags = argparse.ArgumentParser(description="times a block of nets in PyTorch")
    flags.add_argument("--nets", type=int, default=8, help="nets of the block (default: 8)")
    flags.add_argument("--steps", type=int, default=50, help="steps of a round (default: 50)")
    flags.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    flags.add_argument("--threads", type=int, default=1, help="threads of PyTorch (default: 1)")
    args = flags.parse_args()

    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    images, labels = torch.randn(IMAGES, PIXELS), torch.randint(0, CLASSES, (IMAGES,))
    block = Block(args.nets)

    def steps(n):
        start = time.perf_counter()
        for _ in range(n):
            batch = torch.randint(0, IMAGES, (BATCH,))
            block.step(images[batch], labels[batch])
        return (time.perf_counter() - start) / n

    steps(10)  # memory is allocated, and code is loaded
    second = statistics.median(steps(args.steps) for _ in range(args.rounds))
    rate = args.nets / second
    print(
        f"nets={args.nets} threads={args.threads} torch={torch.__version__}: {second * 1e3:.3f} ms/step, "
        f"{rate:.0f} model-iterations/s, {rate * 4 * BATCH * PIXELS * HIDDEN / 1e9:.1f} GFLOP/s"
    )


if __name__ == "__main__":
    main()
