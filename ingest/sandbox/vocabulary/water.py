"""How photographers put the ten concepts at the water into words; `{a|b}` is one of several."""

PHRASES: dict[str, tuple[str, ...]] = {
    "beach_bathers": (
        (
            "{people|families|swimmers|bathers|tourists} {swimming|bathing|splashing|playing} "
            "{at|on|off} {a sandy beach|the beach|a sunny beach|the shore}"
        ),
        (
            "{a crowded|a busy|a lively|our favourite} beach "
            "{full of umbrellas|with colourful parasols|with people in the sea|in the heat}"
        ),
        (
            "{towels|umbrellas|parasols} and {people|swimmers|families} "
            "on {the warm sand|a sandy beach|the shore of the sea}"
        ),
        (
            "{beach day|a day at the beach|beach life|holidays by the sea}, "
            "{swimming in the sea|warm water and sand|sun and sand|everyone in the water}"
        ),
        (
            "{children|friends|people} {jumping into|running into|cooling off in|playing in} "
            "the {waves|sea|surf at the beach}"
        ),
        "{bathing|swimming} in the {blue|warm|calm} sea {in front of a sandy beach|near the beach|on a hot day}",
        (
            "people {lying|relaxing|resting} on {the sand|their towels} "
            "{beside|in front of|close to} the {sea|ocean|water}"
        ),
    ),
    "surfing": (
        (
            "{a surfer|two surfers|surfers|young surfers} {riding|on|taking} "
            "{a big wave|the waves|a breaking wave|a clean wave}"
        ),
        (
            "{surfing|learning to surf|surf session|surfboards} "
            "{in the ocean|off the beach|in the white water|in foaming waves}"
        ),
        (
            "{surfers|people} {waiting|sitting|lying} on their "
            "{boards|surfboards} {beyond the surf|for the next wave|in the sea}"
        ),
        (
            "{a surfer|somebody|a man|a woman} "
            "{carrying a surfboard to the water|standing on a surfboard|falling off a board in the foam}"
        ),
        "{good surf|great waves|high surf|perfect waves} {and many surfers|for surfing|with a surfer on a board}",
        "{surf spot|surf beach|surfing beach}, {waves rolling in|white foam and boards|surfers in the water}",
    ),
    "sailing_boats": (
        (
            "{sailing boats|sailboats|white sails|small sailing boats} "
            "{on the blue sea|in the marina|leaving the marina|gliding over the water}"
        ),
        (
            "{a sailboat|a sailing boat|several sailing boats} "
            "{with white sails|under full sail|in the wind|close to the shore}"
        ),
        "{a marina|the marina|the sailing club} {full of sailing boats|with many masts|and its jetties}",
        (
            "{sailing|a sailing trip|an afternoon of sailing|going out sailing} "
            "{in a fresh wind|on calm water|along the coast|on the bay}"
        ),
        "{masts|rows of masts|sails and masts} {in the marina|above the jetty|by the sea}",
        "{colourful sails|triangular sails|three sails} on {the bay|the water|the horizon}",
    ),
    "fishing_boats": (
        (
            "{fishing boats|small fishing boats|old fishing boats|colourful fishing boats} "
            "{in the harbour|tied up at the quay|in a small harbour|coming back with fish}"
        ),
        (
            "{a fisherman|fishermen} "
            "{mending nets on the quay|on a wooden boat|sorting fish on deck|bringing fish ashore}"
        ),
        (
            "{nets|fishing nets|nets and boxes} {on the quay|beside the boats|on deck} "
            "{in a fishing harbour|of a fishing boat}"
        ),
        "{a fishing village|a fishing harbour|the old fishing harbour} {with its boats|and wooden boats|with gulls}",
        "{a blue|a red|a green|a small} fishing boat {at the quay|with a wheelhouse|in the harbour|with gulls above}",
        "{fresh fish|the day's fish} {from the boats|at the harbour|from the fishing boat}",
    ),
    "container_port": (
        (
            "{stacked containers|colourful containers|rows of containers|stacks of steel boxes} "
            "{and cranes|at the port|under tall cranes|in the container port}"
        ),
        (
            "{a container ship|a huge container ship|a big ship} "
            "{in port|beneath the cranes|loaded with containers|at the quay}"
        ),
        (
            "{harbour cranes|port cranes|blue cranes|tall cranes} "
            "{lifting a container|above a ship|in the container port|over the containers}"
        ),
        (
            "{a container port|a container terminal|the big port|the sea port} "
            "{by the water|with cranes and ships|and its containers}"
        ),
        "{import and export|world trade|goods from overseas} {in containers|at the container terminal|at the port}",
    ),
    "ferry_terminal": (
        (
            "{a ferry|a white ferry|a car ferry|the big ferry} "
            "{at the terminal|at the pier|arriving at the ferry terminal|leaving for the island}"
        ),
        "{cars|a queue of cars|people and cars} {waiting for the ferry|rolling onto the ferry|driving off the ferry}",
        "{the ferry terminal|a ferry port|the ferry landing} {with a ship|by the water|and its ramp}",
        (
            "{travelling by ferry|taking the ferry|a trip by ferry|travellers on the ferry} "
            "{to the island|over the water|across the strait}"
        ),
        (
            "{a ship with open bow|the ferry ramp|a large ferry with many windows} "
            "{at the pier|in the harbour|on the water}"
        ),
    ),
    "lighthouse": (
        (
            "{a lighthouse|a white lighthouse|an old lighthouse|a red and white lighthouse} "
            "{by the sea|on the cape|on a rocky shore|at the coast|above the waves}"
        ),
        (
            "{the light of the lighthouse|a lighthouse and its light|the tower of the lighthouse} "
            "{over the sea|on the headland|at the end of the land}"
        ),
        "{a striped|a lonely|a tall} lighthouse {with a lantern|on the rocks|on the headland|warning ships}",
        (
            "{the keeper's house and the lighthouse|the lighthouse|a lighthouse tower} "
            "{on the cape|in the wind|with gulls|near the sea}"
        ),
    ),
    "cliffs": (
        "{steep|high|white|rugged} cliffs {above the sea|at the coast|dropping into the ocean|with waves below}",
        "{a cliff|the cliff|a rocky cliff} {above the surf|with seabirds|on a rugged coast|over deep blue water}",
        "{waves|the sea|white surf} {crashing against|under|at the foot of} {the cliffs|steep rocks|the rocky coast}",
        "{walking along|standing on|looking down from} the {cliffs|edge of the cliff|high rocky coast}",
        "{a wild|a rocky|a dramatic} coast {of cliffs|with steep rocks|with high cliffs}",
    ),
    "lake_rowing": (
        (
            "{rowing boats|a rowing boat|two rowing boats|small wooden boats} "
            "{on a lake|on the calm lake|on still water|near the lake shore}"
        ),
        (
            "{people|a couple|friends|a family} {rowing|in a rowing boat|resting on their oars} "
            "{on the lake|across the lake|in the middle of a lake}"
        ),
        "{rowing|a rowing trip|an hour of rowing|rowers training} {on the lake|on smooth water|past the reeds}",
        "{oars|the stroke of the oars|a pair of oars} {and a wooden boat on the lake|in the quiet water}",
        "{a lake|a quiet lake|a small lake} {with rowing boats|and a rowing boat|with reeds and a boat}",
        "{boats for hire|a jetty with rowing boats} at the lake",
    ),
    "river_anglers": (
        (
            "{an angler|anglers|two anglers|men} {with a fishing rod|fishing|holding rods} "
            "{at the river|on the bank of a river|beside the stream|by the running water}"
        ),
        "{fishing|angling|a morning of angling} {in the river|at the riverside|from the bank|in a quiet stream}",
        "{a river|a slow river|a green river} {with anglers|and a man fishing|with somebody fishing from the bank}",
        "{standing|waiting|sitting} {in the river|on the bank|by the river} with a {rod|fishing rod|rod and a hook}",
        "{patience at the river|waiting for a bite}, {an angler and his rod|rods over the water}",
    ),
}

TAGS: dict[str, str] = {
    "beach_bathers": (
        "beach, sea, sand, swimming, bathing, towels, umbrella, parasol, swimmers, hot, holiday, bikini, water"
    ),
    "surfing": "surf, surfing, surfer, surfboard, wave, waves, board, foam, ocean, water sport",
    "sailing_boats": "sailing, sailboat, sailing boat, sails, marina, mast, wind, jetty, bay",
    "fishing_boats": "fishing boat, fishing, harbour, nets, fisherman, fish, quay, gulls, wooden boat",
    "container_port": "container, containers, port, crane, container ship, harbour, trade, steel, terminal",
    "ferry_terminal": "ferry, ferry terminal, ship, pier, car ferry, ramp, island, harbour",
    "lighthouse": "lighthouse, cape, headland, tower, light, coast, sea, rocks",
    "cliffs": "cliff, cliffs, coast, rocks, steep, sea, surf, seabirds",
    "lake_rowing": "rowing, rowing boat, lake, oars, reeds, calm water, boat",
    "river_anglers": "angler, fishing, river, rod, bank, stream, angling, riverside",
}
