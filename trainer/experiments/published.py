"""What the paper prints, and what this project measured before: the numbers that stand beside an experiment's own.

Paper: Sat2Cap, CVPR EarthVision 2024, and its supplement. Its Table 1 has the two columns of median ranks in each
other's place (with R@10 = .591 the median must be 10 or less); they stand here where they belong.
"""

from typing import Any

from trainer.experiments.finding import Table

# gallery of 10,000 pairs of YFCC100M outside the US
TABLE_1: dict[str, Any] = {
    "best": {
        "overhead_to_ground": {"R@5": 0.493, "R@10": 0.591, "median": 6},
        "ground_to_overhead": {"R@5": 0.390, "R@10": 0.482, "median": 12},
    },
    "CLIP R@10": 0.013,
    "E without dropout R@10": 0.467,
    "dropout, without E at inference R@10": 0.564,
}
# similarity of captions to those of the photo taken there: MPNet, E5, BERTScore
TABLE_2 = {
    "CLIP": (0.1560, 0.7519, 0.7135),
    "without E": (0.3334, 0.7969, 0.7692),
    "with E": (0.2755, 0.7833, 0.7537),
}
MAP_SECONDS = 4.0  # zero-shot scoring of a map, supplement

# docs/ablation.md: five models of the sandbox planet, strict split, gallery of 10,000
ABLATION = Table(
    "ablation",
    "The ablation on the sandbox planet, measured before (docs/ablation.md): R@10, strict split, gallery 10,000",
    ("trained with", "given", "overhead → ground", "ground → overhead"),
    (
        ("CLIP (the teacher alone)", "tile", "0.003", "0.004"),
        ("no E", "tile", "0.022", "0.022"),
        ("E, no dropout", "tile", "0.019", "0.019"),
        ("E, no dropout", "tile + place + time", "0.068", "0.072"),
        ("E, dropout, the paper's loss and encoding", "tile", "0.015", "0.019"),
        ("E, dropout, the paper's loss and encoding", "tile + place + time", "0.056", "0.050"),
        ("E, dropout (preset sandbox)", "tile", "0.022", "0.023"),
        ("E, dropout (preset sandbox)", "tile + place + time", "0.061", "0.064"),
    ),
    texts=2,
)
