"""What stands beside and above the map.

In reading order: asking, prompts, answer, in_words, photo_time, place, in_time, calendar, learnt, labels, keeping,
saved.
"""
