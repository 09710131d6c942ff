"""Finds objects in pictures: python app.py PHOTO.jpg ... writes them, marked, to out/."""

import json
import sys
from pathlib import Path

APP = Path(__file__).resolve().parent
OUT = APP / "out"


def model_id():
    """The first model of the app, so that its id stands in alwaysai.app.json alone."""
    models = json.loads((APP / "alwaysai.app.json").read_text(encoding="utf-8")).get("models") or {}
    if not models:
        sys.exit("this app has no model yet\n  fix:   aai app models add PUBLISHER/NAME && aai app install")
    return next(iter(models))


def main(paths):
    """Runs the model on each picture, prints what it found, and saves the marked picture.

    For a classifier, take Classification and classify_image: its predictions have a label and a confidence, no box.
    """
    name = model_id()
    if not paths:
        sys.exit("no picture was given\n  fix:   aai app start -- PHOTO.jpg ...")

    from aai import AaiError, ObjectDetection, markup_image, read_image, write_image

    try:
        detector = ObjectDetection(name).load()
        OUT.mkdir(exist_ok=True)
        for path in map(Path, paths):
            image = read_image(path)
            results = detector.detect_objects(image, confidence_level=0.3, overlap_threshold=0.3)
            print(f"{path}: {len(results.predictions)} found in {results.duration * 1000:.0f} ms")
            for prediction in results.predictions:
                print(f"  {prediction.label}: {prediction.confidence:.0%}")
            marked = OUT / f"{path.stem}.png"
            write_image(marked, markup_image(image, results.predictions))
            print(f"  saved {marked}")
    except AaiError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
