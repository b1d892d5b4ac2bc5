"""What the numbers of the app mean, in a sentence each: the help texts that stand beside them."""

from search_ui.search.relevance import POSSIBLE, STRONG, WEAK

RELEVANCE = (
    "Relevance: about how likely it is that one would see it there, 0 to 1. "
    f"strong from {STRONG:.2f}, possible from {POSSIBLE:.2f}, weak from {WEAK:.2f}, below that nothing."
)
LIKELIEST = (
    "The months and hours in which the best places for it are at least half as sure as at their best moment. "
    "“Not now” is said where a place is at least possible at its best moment, and the moment asked is not in them."
)
COSINE = (
    "Cosine: how alike the question and the predicted ground scene are, −1 to 1. It compares tiles within one answer; "
    "it says little across questions."
)
MOMENT = (
    "The month stands for its 15th, the hour is wall-clock time at the place. “any” leaves it open: "
    "the model then answers for no particular time."
)
DIFFERENCE = (
    "The value at the first moment less that at the second, in the same unit. Above 0 (orange): more like it at the "
    "first; below 0 (purple): at the second."
)
CALENDAR = (
    "Each cell is the mean cosine of the highest tiles of the area at that month and hour; these may be other tiles "
    "from moment to moment. It compares moments of one question."
)
BEST_MOMENT = "For each tile the month, and the hour, at which it is most like the question."
WEIGHT = (
    "How much a word counts beside the question, which counts 1. Words that are taken away count 0.5 together "
    "unless you say otherwise."
)
LISTED = "The best places; of tiles that overlap only the best counts. “Filter” says how many are listed at most."
ORDER = "The places are those of the highest relevance, or cosine; by date or distance they are put into another order."
MINIMUM = "Tiles of less relevance are no hits. If none is left, the answer says so."
AREA = "A tile counts when its square touches the area."
DATES = "When the overhead imagery was taken (UTC). A tile without a known date never matches."
TILE = "A tile is one square of the grid; its side is measured on the ground."
GSD = "Ground sample distance: metres on the ground that one pixel of the imagery shows."
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
    "The photos of the gallery whose vectors are most like what the model expects to be seen in this tile at the "
    "moment. They need not have been taken there: each says how far away it was."
)
"""Beside the nine photos."""
CAPTION = (
    "What the model expects to be seen here, in words. The cosine says how like that the words are. A caption is the "
    "model's guess: it may be wrong, and says nothing of a particular day."
)
PHOTO_TIME = (
    "The months and hours at which the model expects this place to look like the photo; beforehand each is as likely. "
    "A span is the smallest that holds the photo's moment with the chance behind it. It is asked of this place: "
    "elsewhere the seasons, the daylight and what people do may be others."
)
LABELS = (
    "Yes: it is what you look for. No: it is not, and leaves the list. Unsure: nothing is learnt from it. Yes and no "
    "order the places of the list anew; their relevance stays that of the words."
)
SHAPE = "Every tile whose middle lies in the shape gets this label, in place of what it had."
LABEL_FILE = "GeoJSON, GeoParquet or CSV with a column label (yes, no, unsure) and points, lat and lon, or tile_id."
ROC = (
    "Of labels that were held out in whole blocks of ground: how many of the yeses are found at the price of how many "
    "noes. The number is the area under the curve, .5 for guessing and 1 for perfect, with the range that it lies in "
    "19 times of 20."
)
PROBABILITY = (
    "How likely each tile would be called a yes, learnt from the labels. It is as good as they are: label also what "
    "looks alike and is not it."
)
CUT = "Tiles of at least this probability are shown and joined to areas."
WORKERS = (
    "Workers are other processes, also on other machines, that read and embed tiles; who runs this server starts them. "
    "What is left to them goes on when this page and this server are closed."
)
NO_WORKERS = (
    "This server does the work itself. Where the settings name a Redis, it can be left to workers on other machines."
)
