"""Prompts that ask for nothing in particular: what a text scores when it does not fit.

Relevance compares with them, and refitting holds E level against their mean. General on purpose: pictures as such, the
commonest things in and out of doors, moods. They are no list of what may be seen from above, and none of them is taken
from the sandbox planet's words.
"""

BANK: tuple[str, ...] = tuple(
    """a photo, a picture, an image, a photo of a place, a view, an outdoor scene, a landscape, the countryside, a city,
    a village, a town, a building, a house, a street, a road, a path, some trees, some plants, grass, the sky, clouds,
    the ground, water, the sea, a hill, a wall, a window, a door, a room, the inside of a building, a table, a chair,
    an object, a tool, a machine, a vehicle, an animal, a bird, a dog, a person, people, a group of people, a man,
    a woman, a child, a face, a hand, food, a drink, clothes, a book, a sign, text, a map, a drawing, a painting,
    a pattern, a texture, a close-up, a blurry photo, a black and white photo, something red, something blue,
    something small, something far away, nothing in particular, bad weather, bright light, darkness,
    an event""".replace("\n    ", " ").split(", ")
)
