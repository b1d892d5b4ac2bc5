"""What stands beside and above the map.

In reading order: asking, prompts, answer, in_words, photo_time, in_time, place, when, learnt, labels, keeping, saved.
"""
