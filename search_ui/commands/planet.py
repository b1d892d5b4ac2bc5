"""The words by which the sandbox planet's own concepts are asked for: for commands that judge answers by its truth."""

from collections.abc import Mapping, Sequence


def prompt_of_concept() -> Mapping[str, str]:
    """The plain text that asks for each concept, by its name."""
    from ingest.sandbox.concepts import CONCEPTS

    return {concept.name: concept.prompt for concept in CONCEPTS}


def known_and_new_words() -> tuple[Mapping[str, Sequence[str]], Sequence[tuple[str, str]]]:
    """Texts in words of the planet's captions, by concept; and (concept, text) in words that no caption uses."""
    from ingest.sandbox.words import PROMPTS, UNSEEN

    return PROMPTS, UNSEEN
