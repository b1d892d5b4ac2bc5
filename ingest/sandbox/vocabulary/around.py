"""What photographers say beside the subject: where, when, in which weather; `{a|b}` is one of several."""

AROUND: dict[str, tuple[str, ...]] = {
    "sea": ("{the open sea|sea and sky|a view over the ocean|waves and horizon}", "{the blue|a calm|a rough} sea"),
    "beach": (
        "{an empty beach|a lonely beach|sand and sea|a beach with nobody}",
        "{dunes|shells|drift wood} on the beach",
    ),
    "cliff": ("{a rocky coast|rocks by the sea|the edge of the coast|a stony shore}",),
    "lake": ("{a lake|the lake shore|still water of a lake|reeds at a lake}", "{trees|hills} behind a lake"),
    "river": ("{a river|the river bank|a bend of the river|a slow stream}", "{willows|trees} along a river"),
    "forest": ("{a forest|trees|the edge of the forest|in the woods}", "{an empty|a lonely|a narrow} forest path"),
    "field": ("{fields|farm land|wide fields|a field and a farm}", "{an open|a wide|a flat} field under the sky"),
    "pasture": ("{a meadow|green meadows|grass and fences|a hilly meadow}", "{an empty pasture|grass on a hill}"),
    "mountain": ("{mountains|a mountain valley|rocks and hills|a steep mountain side}", "hills in the distance"),
    "suburb": ("{houses|a street with houses|the edge of town|gardens and roofs}",),
    "town": ("{a small town|a street in the old town|old houses|a lane in town}", "{roofs|house fronts} in town"),
    "city": ("{the city|tall buildings|a street in the city centre|blocks of flats}", "{towers|facades} of the city"),
    "industry": ("{an industry area|halls and fences|grey halls|tanks and pipes}",),
    "road": ("{a road|an empty road|a country road|asphalt and signs}", "{on the road|by the roadside}"),
    "park": ("{a park|lawn and benches|a green park|trees in the park}", "{a bench|a pond} in the park"),
}

BEHIND: dict[str, tuple[str, ...]] = {
    "wind_turbines": ("wind turbines on the horizon", "wind turbines behind"),
    "lighthouse": ("a lighthouse in the distance", "a lighthouse behind"),
    "sailing_boats": ("sailing boats in the distance", "some sails behind"),
    "grazing_cattle": ("cows in the background", "a few cows on the meadow behind"),
    "factory": ("factory chimneys in the background", "a smoking chimney behind"),
    "container_port": ("port cranes in the background", "containers and cranes behind"),
    "church_square": ("a church tower in the background", "the church behind"),
    "airport_planes": ("a plane above", "a plane in the sky"),
    "mountain_summit": ("a mountain summit behind", "rocky peaks in the distance"),
    "building_site": ("a tower crane in the background", "a crane behind"),
    "vineyard": ("vineyards on the hill behind", "rows of vines in the background"),
    "solar_park": ("solar panels in the background", "a field of solar panels behind"),
    "snow_cover": ("everything covered with snow", "snow on the ground", "in the snow"),
    "autumn_leaves": ("with colourful autumn leaves", "autumn trees around", "in autumn colours"),
    "night_lights": ("with the lights of the town", "lit windows behind", "under street lights"),
}

HOUR: dict[str, tuple[str, ...]] = {
    "night": ("at night", "in the dark", "late at night", "under the night sky", "by night"),
    "dawn": ("at dawn", "at sunrise", "early in the morning", "in the first light"),
    "dusk": ("at dusk", "at sunset", "in the evening light", "as the sun goes down"),
    "morning": ("in the morning", "in the morning light", "this morning"),
    "noon": ("at noon", "in the middle of the day", "around midday"),
    "afternoon": ("in the afternoon", "on a long afternoon"),
    "evening": ("in the evening", "in the low evening sun", "after work"),
}

SEASON: dict[str, tuple[str, ...]] = {
    "winter": ("in winter", "on a cold winter day", "on a grey winter day"),
    "snow": ("in the snow", "on a snowy day", "in winter", "with snow on the ground"),
    "spring": ("in spring", "on a fresh spring day", "on a mild day"),
    "summer": ("in summer", "on a warm summer day", "in the summer heat", "on a hot day"),
    "autumn": ("in autumn", "on an autumn day", "with coloured leaves on the trees"),
}

WEATHER: dict[str, tuple[str, ...]] = {
    "clear": ("under a blue sky", "in bright sunshine", "on a sunny day", "in the sun"),
    "cloudy": ("under a cloudy sky", "with some clouds", "under big clouds"),
    "grey": ("under a grey sky", "on a dull day", "on an overcast day"),
    "rain": ("in the rain", "on a rainy day", "in wet weather"),
    "snowing": ("while it is snowing", "in falling snow", "with snow flakes in the air"),
    "stars": ("under the stars", "on a clear night"),
}

LEADS: tuple[str, ...] = (
    "a photo of", "a picture of", "photo:", "a snapshot of", "view of", "here:", "seen today:", "my photo of",
)  # fmt: skip
"""How a caption may begin."""
