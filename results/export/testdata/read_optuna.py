# Prints the trials of a journal of Optuna as JSON lines. Values begin with their type.
import json
import sys

import optuna


def text(v):
    if v is None:
        return None
    return {str: "s:%s", int: "i:%d", float: "n:%r"}[type(v)] % v


optuna.logging.set_verbosity(optuna.logging.WARNING)
storages = optuna.storages
if hasattr(storages, "journal"):  # Optuna 4
    backend = storages.journal.JournalFileBackend(sys.argv[1])
else:
    backend = storages.JournalFileStorage(sys.argv[1])
storage = storages.JournalStorage(backend)
(summary,) = optuna.get_all_study_summaries(storage)
study = optuna.load_study(study_name=summary.study_name, storage=storage)
trials = study.trials
try:
    best = study.best_trial.number
except ValueError:  # no trial is complete
    best = None
space = optuna.samplers.intersection_search_space(study) if trials else {}
print(json.dumps({
    "name": study.study_name,
    "direction": study.direction.name,
    "attributes": {k: text(v) for k, v in study.user_attrs.items()},
    "best": best,
    "space": {k: repr(v) for k, v in space.items()},
}))
for t in trials:
    row = {"state": text(t.state.name), "value": text(t.value), "start": text(t.datetime_start.isoformat()), "end": text(t.datetime_complete.isoformat())}
    row.update({"param." + k: text(v) for k, v in t.params.items()})
    row.update({"user." + k: text(v) for k, v in t.user_attrs.items()})
    row.update({"at.%d" % k: text(v) for k, v in t.intermediate_values.items()})
    print(json.dumps(row))
