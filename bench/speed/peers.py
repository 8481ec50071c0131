"""Peers of the search: reads commands on standard input, times one pass of each, answers in JSON, a line each."""
import json
import sys
import time

import numpy

rows, points, queries = numpy.memmap(sys.argv[1], numpy.float32, "r"), int(sys.argv[2]), numpy.fromfile(sys.argv[3], numpy.float32)
rows = numpy.array(rows.reshape(-1, points))  # in memory, as a server would hold it
queries = queries.reshape(-1, points)
indexes = {}


def faiss_index(kind):
    import faiss

    if kind == "flat":
        index = faiss.IndexFlatIP(points)
    else:
        index = faiss.IndexScalarQuantizer(points, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        index.train(rows[:20000])
    index.add(rows)
    return index


def best(scores, k):
    at = numpy.argpartition(scores, len(scores) - k)[-k:]
    return at[numpy.argsort(-scores[at], kind="stable")]


def one(method, q, k):
    if method == "numpy":
        return best(rows @ q, k)
    return indexes[method].search(q[None, :], k)[1][0]


def batch(method, qs, k):
    if method == "numpy":
        scores = qs @ rows.T
        return [best(s, k) for s in scores]
    return indexes[method].search(qs, k)[1]


for line in sys.stdin:
    ask = json.loads(line)
    method, k = ask["method"], ask["k"]
    if method != "numpy" and method not in indexes:
        indexes[method] = faiss_index(method)
    qs = queries[ask["from"]:ask["to"]]
    start = time.perf_counter()
    if ask["batch"]:
        found = batch(method, qs, k)
    else:
        found = [one(method, q, k) for q in qs]
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "ids": [[int(i) for i in f] for f in found]}), flush=True)
