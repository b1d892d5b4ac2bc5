"""How photographers put the ten concepts in the settlement into words; `{a|b}` is one of several."""

PHRASES: dict[str, tuple[str, ...]] = {
    "market_stalls": (
        (
            "{market stalls|colourful market stalls|stalls|fruit stalls} "
            "{with fruit and vegetables|on the square|under striped awnings|full of fruit}"
        ),
        (
            "{the weekly market|market day|a market|the morning market} "
            "{on the square|in the old town|with many stalls|with people buying vegetables}"
        ),
        (
            "{buying|shopping for|looking at} "
            "{fresh fruit|vegetables|flowers and cheese|apples and tomatoes} at the market"
        ),
        "{a market woman|a trader|traders} {behind her stall|at the market|with boxes of fruit}",
        (
            "{striped awnings|awnings|market umbrellas} "
            "{over fruit and vegetables|on market day|and people with baskets}"
        ),
    ),
    "cafe_terrace": (
        (
            "{people|guests|friends|a couple} {sitting|chatting|drinking|laughing} "
            "{on a cafe terrace|outside a cafe|at cafe tables|under the umbrellas of a cafe}"
        ),
        (
            "{a cafe terrace|a street cafe|a cafe|the terrace of a cafe} "
            "{with tables and chairs|full of guests|in the old town|with umbrellas}"
        ),
        (
            "{tables and chairs|small round tables|a waiter|glasses and cups} "
            "{in front of a cafe|on the terrace|outside the cafe}"
        ),
        "{a drink|cold drinks|cake|a glass of wine|ice cream} {on the terrace|at a street cafe|outside in the cafe}",
        "{sitting outside|a lazy hour} {at the cafe|at a little table|on the cafe terrace}",
    ),
    "shopping_crowd": (
        (
            "{a crowd|crowds|many people|a dense crowd} "
            "{in a shopping street|shopping|with shopping bags|between the shops|in front of shop windows}"
        ),
        (
            "{a shopping street|a busy shopping street|the main shopping street} "
            "{full of people|with crowds|and its shops}"
        ),
        (
            "{people|women|couples} "
            "{carrying shopping bags|looking into shop windows|strolling past the shops|on a shopping tour}"
        ),
        "{shopping|going shopping|a shopping afternoon} {in the city|in the centre|in crowded streets}",
        "{sale|shop signs|shop windows} and {a crowd of people|crowds in the street}",
    ),
    "night_lights": (
        (
            "{city lights|the lights of the city|lit windows|street lights} "
            "{at night|in the dark|after dark|under a dark sky}"
        ),
        "{the city|the town|a city|tall buildings} {at night|by night|lit up at night|with thousands of lights}",
        (
            "{night in the city|a night walk|night view}, "
            "{lights everywhere|street lamps and lit windows|lights of cars}"
        ),
        "{lamps|street lamps|lights} {shining in the dark|reflected in the wet street|along a dark street}",
        "{bright windows|coloured lights|bright signs} {in the night|in the dark city}",
    ),
    "quiet_suburb": (
        "{a quiet|a calm|a sleepy|a peaceful} {residential street|suburb|suburban street|street of family houses}",
        (
            "{family houses|small houses|houses with gardens|a row of houses} "
            "{in the suburb|in a quiet street|with hedges and parked cars|on the edge of town}"
        ),
        (
            "{front gardens|hedges|garden fences} and "
            "{houses|family houses|parked cars} {in the suburb|in a residential area}"
        ),
        "{living|life|at home} in the {suburb|suburbs|residential area}",
        "{a house|a home|our house} with {a garden|a red roof|a garage} {in a quiet street|in the suburb}",
    ),
    "school_yard": (
        (
            "{children|school children|boys and girls|a school class} "
            "{playing in the school yard|running across the school yard|in front of the school|at break time}"
        ),
        "{a school yard|the school yard|the yard of a school} {full of children|with children at play|at break}",
        (
            "{school|a school building|the school} "
            "{with children outside|and its yard|with a basketball hoop in the yard}"
        ),
        (
            "{school break|the bell rings|first day at school|break between lessons}, "
            "{children in the yard|everyone runs outside|noisy children}"
        ),
        "{children with satchels|girls skipping rope|boys chasing each other} {at school|in the school yard}",
    ),
    "church_square": (
        (
            "{a church|the church|an old church|a white church} "
            "{on the square|with a tall tower|in the centre of the village|with a clock tower}"
        ),
        (
            "{the church square|a square with a church|"
            "the village square and its church|the square in front of the church}"
        ),
        (
            "{people|families|a wedding party|a bride and guests} "
            "{in front of the church|leaving the church|on the church square|on their way to church}"
        ),
        "{church bells|the church tower|the bell tower|the church door} {above the square|on Sunday|over the roofs}",
        "{Sunday|a Sunday|after the service} {at the church|on the church square|in front of an old church}",
    ),
    "factory": (
        (
            "{a factory|an old factory|a big factory|the factory} "
            "{with smoking chimneys|with tall chimneys|and its halls|with pipes and tanks}"
        ),
        "{smoke|white smoke|steam} {from a factory|rising from chimneys|over the factory|above the works}",
        "{chimneys|two chimneys|tall brick chimneys} {of a factory|and factory halls|in the sky above the works}",
        "{heavy industry|industry|the works}, {chimneys and smoke|pipes and tanks|factory halls}",
        "{workers|a shift of workers} {at the factory gate|leaving the factory}",
    ),
    "warehouse_trucks": (
        (
            "{trucks|white trucks|several trucks|delivery trucks} "
            "{at a warehouse|at the loading docks|in front of a warehouse|backing up to the warehouse doors}"
        ),
        (
            "{a warehouse|a big warehouse|a long grey warehouse|a storage hall} "
            "{with trucks|with loading docks|and rows of trailers}"
        ),
        "{loading|unloading} {trucks|a truck|pallets|parcels} {at the warehouse|at the dock|at the loading ramp}",
        "{pallets and trailers|trailers|doors with numbers} {at a warehouse|along the storage hall}",
    ),
    "building_site": (
        (
            "{a building site|a construction site|the building site} "
            "{with a crane|with workers|with a yellow crane|and a half finished house}"
        ),
        (
            "{a crane|a tall crane|a tower crane|yellow cranes} "
            "{above a building site|over a new building|at a construction site}"
        ),
        (
            "{builders|construction workers|workers in helmets|men in yellow vests} "
            "{at work|on the building site|building a house|on the upper floor}"
        ),
        "{a new building|a new house|raw walls} {under construction|going up|being built}",
        "{a digger and sand|bricks and steel|raw walls and beams} on the {building site|construction site}",
    ),
}

TAGS: dict[str, str] = {
    "market_stalls": "market, market stalls, fruit, vegetables, market day, square, awning, stall, basket",
    "cafe_terrace": "cafe, terrace, tables, chairs, street cafe, drinks, guests, umbrella",
    "shopping_crowd": "shopping, crowd, shopping street, shops, bags, people, shop window, sale",
    "night_lights": "night, city lights, lights, dark, city at night, street lamps, lit windows",
    "quiet_suburb": "suburb, residential street, houses, gardens, quiet, family house, hedge, home",
    "school_yard": "school, school yard, children, break, lessons, satchel",
    "church_square": "church, square, church tower, bells, village, Sunday, wedding",
    "factory": "factory, chimney, smoke, industry, halls, pipes, steam, workers",
    "warehouse_trucks": "warehouse, trucks, loading dock, trailers, pallets, storage, delivery",
    "building_site": "building site, construction, crane, builders, construction site, workers, helmets",
}
