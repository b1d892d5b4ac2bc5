"""What the numbers of the app mean, in a sentence each: the help texts that stand beside them."""

from search_ui.search.relevance.calibration import POSSIBLE, STRONG, WEAK

RELEVANCE = (
    "Relevance: how likely it is that one would see it there, 0 to 1. "
    f"Strong from {STRONG:.2f}, possible from {POSSIBLE:.2f}, weak from {WEAK:.2f}, below that nothing."
)
COSINE = (
    "Cosine: how alike the question and the scene that the model expects there are, −1 to 1. Compare it within one "
    "answer only."
)
LIKELIEST = (
    "When the best places for it are at least half as sure as at their best. “Not now”: it is seen there, but not at "
    "the moment you ask for."
)
MOMENT = "Month and hour at the place, on its own clock. “any”: no particular time."
DIFFERENCE = "The first moment less the second. Orange: more at the first; purple: more at the second."
CALENDAR = (
    "Each cell is the mean cosine of the best tiles of the area in that month and hour, which may be other tiles each "
    "time. Compare it within one question only."
)
BEST_MOMENT = "For each tile the month, or the hour, at which it is most like the question."
WEIGHT = "How much a word counts beside the question, which counts 1. Words taken away count 0.5 together at first."
LISTED = "The best places; of tiles that overlap only the best. “Filter” sets how many at most."
ORDER = "By date or distance, the same best places are put into another order."
MINIMUM = "Places of less relevance are left out of list, map and files of places; files of the map hold every tile."
AREA = "A tile counts when its square touches the area."
DATES = "When the imagery was taken. A tile without a known date never counts."
TILE = "One square of the imagery; its side is measured on the ground."
GSD = "What one pixel of the imagery shows, in metres on the ground."
NODATA = (
    "Pixels of this value in all bands are no imagery: the white or black border of a scan or an orthophoto. Tiles "
    "that hold little else are left out. Files often say it themselves; then leave this empty."
)
BANDS = (
    "Which bands of the file are shown as red, green and blue, counted from 1. Files mostly say it themselves; then "
    "leave this empty."
)
MODELS = (
    "What looks at tiles, photos and words. A collection is of one model; another may be added at any time, and the "
    "same imagery brought in with it."
)
PHOTOS = (
    "The photos most like what the model expects there at that moment. They need not have been taken there: each says "
    "how far away it was."
)
"""Beside the nine photos."""
CAPTION = "What the model expects to be seen there, in words. It is a guess, and speaks of no particular day."
PHOTO_TIME = (
    "The months and hours in which this place looks most like the photo. Each span holds the photo's time with the "
    "chance that stands behind it. It is asked of this place alone."
)
LABELS = (
    "Yes: it is what you look for. No: it is not, and leaves the list. Unsure: nothing is learnt from it. Yes and no "
    "put the list into a new order; the relevance stays that of your words."
)
SHAPE = "Every tile whose middle lies in the shape gets this label, in place of what it had."
LABEL_FILE = "GeoJSON, GeoParquet or CSV with a column label (yes, no, unsure) and points, lat and lon, or tile_id."
ROC = (
    "Tried on labels that it was not shown: how many yeses are found for how many noes taken for a yes (a ROC curve). "
    "The number is the area under the curve, 0.5 for guessing and 1 for perfect, with the range it lies in 19 times of "
    "20."
)
PROBABILITY = "How likely each tile is a yes, learnt from your labels. Label also what looks alike and is not it."
CUT = "Tiles that are at least so likely are shown and joined to areas."
WORKERS = (
    "Workers are other processes, also on other machines, that read and embed tiles; who runs this server starts them. "
    "What is left to them goes on when this page and this server are closed."
)
NO_WORKERS = (
    "This server does the work itself. Where the settings name a Redis, it can be left to workers on other machines."
)
