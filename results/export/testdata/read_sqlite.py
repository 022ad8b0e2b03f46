# Prints the trials of a database as JSON lines. Values begin with their type.
import json
import sqlite3
import sys


def text(v):
    if v is None:
        return None
    return {str: "s:%s", int: "i:%d", float: "n:%r"}[type(v)] % v


db = sqlite3.connect(sys.argv[1])
plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM trials WHERE key = 'x'").fetchone()[-1]
print(json.dumps({
    "format": db.execute("SELECT value FROM metadata WHERE name = 'format'").fetchone()[0],
    "check": db.execute("PRAGMA integrity_check").fetchone()[0],
    "index": "trials_key" if "trials_key" in plan else plan,
}))
rows = db.execute("SELECT * FROM trials ORDER BY rank")
for row in rows:
    print(json.dumps({column[0]: text(v) for column, v in zip(rows.description, row)}))
