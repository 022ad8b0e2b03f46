# Prints the trials of an npz file as JSON lines. Values begin with their type.
import json
import sys

import numpy


def text(v, negative):
    if v.dtype.kind == "U":
        return "s:" + str(v) if v != "" else None
    if v.dtype == numpy.dtype("<i8"):
        return "i:%d" % v if v != -1 or negative else None
    if v.dtype == numpy.dtype("<f8"):
        return "n:" + repr(float(v)) if not numpy.isnan(v) else None
    raise ValueError(v.dtype)


arrays = numpy.load(sys.argv[1])
names = [name for name in arrays.files if name != "format"]
columns = {name: arrays[name] for name in names}
# In a column with other negative integers, -1 is no missing value.
negative = {name: bool(numpy.any(columns[name] < -1)) if columns[name].dtype.kind == "i" else False for name in names}
print(json.dumps({"format": str(arrays["format"])}))
for row in range(len(columns["key"])):
    print(json.dumps({name: text(columns[name][row], negative[name]) for name in names}))
