"""The whole way in Python: check, train, score, predict, look.

Run it as `python examples/lesions.py` on drawn lesions, or with your own folder behind it.
"""

import sys
from pathlib import Path

import segmentare
from segmentare.synthetic.lesion_dataset import write_dataset

out = Path("example")
data = Path(sys.argv[1]) if len(sys.argv) > 1 else write_dataset(out / "data", 120)

checkup = segmentare.check(data, page=out / "check.html")
print(f"{len(checkup.usable)} images; a training can start: {checkup.can_train}")

run = segmentare.train(data, out / "run", budget="60s", overwrite=True)
dice = run.evaluation.scores["dice"]
print(f"Dice {dice['mean']:.3f} on {run.evaluation.images} unseen images, 95 % {dice['ci95']}")

model = segmentare.load(out / "run")
found = model.predict(segmentare.open_dataset(data)[0].image)
print(found)
found.save(out / "overlay.jpg", overwrite=True)
