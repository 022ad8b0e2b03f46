# Writes the arrays and the draws of the tests, with NumPy 1.24: python3 make.py
import json
import numpy as np

n = np.arange
images = n(7 * 2 * 4 * 3).reshape(7, 2, 4, 3).astype(np.uint8)
labels = np.array([3, 1, 3, 9, 1, 9, 9])
features = (n(7 * 5).reshape(7, 5) / 8 - 2).astype(np.float32)

np.savez_compressed("images.npz", x_train=images[:4], y_train=labels[:4],
                    x_val=images[4:5], y_val=labels[4:5], x_test=images[5:], y_test=labels[5:].astype(np.uint8))
np.savez("first.npz", x_train=images.transpose(0, 3, 1, 2), y_train=labels.reshape(7, 1).astype(np.int16))
np.savez("grey.npz", X=images[:, :, :, 0], y=labels.astype(">i4"))
np.savez("flat.npz", x=images.reshape(7, 24), y=labels)
np.savez("f32.npz", X=features, y=labels)
np.savez("f64.npz", X=np.asfortranarray(features.astype(np.float64)), y=labels)
np.savez("big.npz", X=features.astype(">f4"), y=labels)
np.savez("deep.npz", X=features.reshape(7, 5, 1), y=labels > 1)

np.savez("objects.npz", X=np.array([[1, 2], [3, "a"]], dtype=object), y=np.array([0, 1]))
np.savez("ints.npz", X=n(6).reshape(3, 2), y=n(3))
np.savez("half.npz", X=n(6).reshape(3, 2).astype(np.float16), y=n(3))
np.savez("floats.npz", X=features, y=labels.astype(np.float64))
np.savez("short.npz", X=features, y=labels[:6])
np.savez("nan.npz", X=np.where(n(35).reshape(7, 5) == 13, np.nan, features), y=labels)
np.savez("one.npz", X=features, y=labels * 0)
np.savez("new.npz", x_train=features[:4], y_train=labels[:4], x_test=features[4:], y_test=labels[4:] + 1)
np.savez("shapes.npz", x_train=features[:4], y_train=labels[:4], x_test=features[4:, :3], y_test=labels[4:])
np.savez("types.npz", x_train=features[:4], y_train=labels[:4], x_test=features[4:].astype(np.float64), y_test=labels[4:])
np.savez("names.npz", data=features, target=labels)
np.savez("none.npz")
np.savez("nolabels.npz", x_train=features)
np.savez("empty.npz", X=features[:0], y=labels[:0])
np.savez("flatlist.npz", X=n(7).astype(np.float32), y=labels)
np.savez("fortran.npz", X=np.asfortranarray(images), y=labels)

# Draws: NumPy's own permutations of the indices, and of the indices of each class.
y = np.arange(20) % 3
rng = np.random.RandomState(5)
draws = {"random": rng.permutation(20).tolist()}
rng = np.random.RandomState(5)
draws["classes"] = []
for k in range(3):
    of = np.flatnonzero(y == k)
    rng.shuffle(of)
    draws["classes"].append(of.tolist())
f = features.astype(np.float64)
draws["mean"], draws["deviation"] = f.mean(axis=0).tolist(), f.std(axis=0).tolist()
json.dump(draws, open("draws.json", "w"))
