"""A planet whose truth is known: islands in open ocean, seen from above, from the ground, and in words.

In reading order: concepts (the 45 things to see), moment (sun, season, what goes on); noise, islands, terrain, parcels,
settlements, sites, view, world (what is where); scene (one view), ground and painting/ (its picture), words and
vocabulary/ (its captions, and queries); overhead and aerial/ (what a camera above sees), source (the imagery source
`sandbox:`); truth; photographs (who took pictures where and when), pairs (training data).
"""
