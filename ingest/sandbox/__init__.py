"""A planet whose truth is known: islands in open ocean, seen from above, from the ground, and in words.

In reading order: concepts (the 45 things to see), moment (sun, season, what goes on), land, scene (one view), view,
world (what is where), names, vocabulary (its captions, and queries), words, painting (its picture), ground, aerial
(what a camera above sees), overhead, source (the imagery source `sandbox:`), truth, photographs (who took pictures
where and when), pairs (training data), panels (the same tiles over and over), laboratory.
"""
