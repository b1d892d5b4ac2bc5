"""Models that are known by a short name: what each is good for, how much is downloaded, and under which licence.

Sizes are of the weights in 32 bits, which is what is downloaded at most; licences are those that the makers name beside
the weights. It does not know how they are read: `zoo`.
"""

from dataclasses import dataclass

from trainer.errors import UsageError


@dataclass(frozen=True)
class KnownModel:
    """A model that others trained.

    Attributes:
        name: By which it is asked for.
        title: As people know it.
        says: What it is good for, in a sentence.
        licence: Of the weights.
        megabytes: Downloaded, at most.
        arch: open_clip's architecture; None: the weights say it by the name of their file.
        pretrained: open_clip's tag; None: it is at `url`.
        url: Where the file lies; None: open_clip knows it.
        page: Where its makers describe it.
    """

    name: str
    title: str
    says: str
    licence: str
    megabytes: int
    page: str
    arch: str | None = None
    pretrained: str | None = None
    url: str | None = None


KNOWN = (
    KnownModel(
        "clip-b32", "OpenAI CLIP ViT-B/32", "Ordinary photos and words; quick on a machine without a GPU.", "MIT", 605,
        "https://github.com/openai/CLIP", arch="ViT-B-32-quickgelu", pretrained="openai",
    ),
    KnownModel(
        "clip-l14", "OpenAI CLIP ViT-L/14", "Ordinary photos and words, finer; wants a GPU.", "MIT", 1_710,
        "https://github.com/openai/CLIP", arch="ViT-L-14-quickgelu", pretrained="openai",
    ),
    KnownModel(
        "laion-b32", "LAION CLIP ViT-B/32", "Trained on two billion pictures of the web; quick.", "MIT", 605,
        "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K", arch="ViT-B-32", pretrained="laion2b_s34b_b79k",
    ),
    KnownModel(
        "remoteclip-b32", "RemoteCLIP ViT-B/32", "Trained on captions of overhead imagery: what is seen from above.",
        "not named by its makers: ask them", 605, "https://github.com/ChenDelong1999/RemoteCLIP",
        url="https://huggingface.co/chendelong/RemoteCLIP/resolve/main/RemoteCLIP-ViT-B-32.pt",
    ),
)  # fmt: skip


def known_model(name: str) -> KnownModel:
    """The one of a name.

    Raises:
        UsageError: There is none; the message lists what there is.
    """
    found = next((one for one in KNOWN if one.name == name), None)
    if found is None:
        have = ", ".join(one.name for one in KNOWN)
        raise UsageError(f"no model {name!r} is known (have: {have}): `groundcast model known` says what they are")
    return found
