"""How photographers put the fifteen concepts on the land into words; `{a|b}` is one of several."""

PHRASES: dict[str, tuple[str, ...]] = {
    "forest_hike": (
        (
            "{hikers|a hiker|walkers|people with rucksacks|a group of hikers} "
            "{in the forest|on a forest trail|walking under tall trees|on a path through the woods}"
        ),
        "{a hike|hiking|a long walk|walking} {through the forest|in the woods|among old trees|under the trees}",
        (
            "{a forest path|a path in the woods|a trail between tall trunks} "
            "{with hikers|and somebody walking|with people walking}"
        ),
        (
            "{tree trunks|green forest|deep forest|moss and tall trees} "
            "{around the hikers|along the hiking trail|beside the path}"
        ),
        (
            "{nature walk|a walk in nature|fresh forest air}, "
            "{trees on both sides|walking the dog in the woods|on foot in the forest}"
        ),
    ),
    "autumn_leaves": (
        "{colourful|golden|red and yellow|orange} {autumn leaves|leaves in autumn|autumn trees}",
        (
            "{trees|the forest|the woods|the park|an avenue} in "
            "{autumn colours|autumn|red, orange and yellow|autumn dress}"
        ),
        (
            "{fallen|yellow|dry|coloured} leaves "
            "{on the ground|on the path|under the trees|in the wind} {in autumn|in the forest}"
        ),
        (
            "{autumn|a golden autumn|an autumn day} "
            "{in the forest|with colourful trees|and falling leaves|with leaves everywhere}"
        ),
        "{leaves turning red|leaves turning yellow|the trees are changing colour}",
    ),
    "snow_cover": (
        (
            "{snow|deep snow|fresh snow|a white cover of snow} "
            "{on the fields|everywhere|over the land|on the trees|on the ground and roofs}"
        ),
        "{a snowy|a white|a snow-covered|a cold} {landscape|winter landscape|countryside|winter day|field}",
        "{winter|a winter walk|winter silence|a cold winter} {in the snow|with lots of snow|under a white cover}",
        "{footprints|tracks|a path} {in the snow|through deep snow|in fresh snow}",
        "{everything is white|it has snowed|the land is covered with snow|trees bent under snow}",
    ),
    "ski_slope": (
        (
            "{skiers|a skier|people|children} {skiing|racing|gliding|swinging} "
            "{down|on} {the slope|a ski slope|the snowy slope|a steep slope}"
        ),
        (
            "{a ski slope|the ski slope|a ski run|the ski area} "
            "{with skiers|with a ski lift|and its lift|in the mountains}"
        ),
        "{skiing|a day of skiing|learning to ski|winter sports} {in the mountains|in deep snow|on the slope}",
        "{the ski lift|a lift|a cable lift} {carrying skiers up|above the snow|at the ski slope}",
        "{skis and poles|skis|skiers in bright jackets} {on white snow|in the snow|on the mountain}",
    ),
    "mountain_summit": (
        (
            "{a mountain summit|the summit|a rocky summit|a mountain peak} "
            "{above the clouds|with a wide view|under a blue sky|with a cross}"
        ),
        "{view|wide view|panorama} {from the summit|from the top of the mountain|over the mountains|of rocky peaks}",
        (
            "{high mountains|rocky peaks|grey peaks|mountain peaks} "
            "{and clouds|in the distance|above the valley|with some snow}"
        ),
        (
            "{standing on|reaching|resting on} the {summit|mountain top|peak} "
            "{after a long way up|with a great view|at last}"
        ),
        "{rocks and peaks|bare rock|a pointed peak} {high in the mountains|above the valley}",
    ),
    "wheat_harvest": (
        (
            "{a combine harvester|a combine|harvesters|a big harvester} "
            "{in a wheat field|cutting wheat|at work in golden wheat|raising dust on the field}"
        ),
        (
            "{the wheat harvest|wheat harvest|harvest time|harvesting wheat} "
            "{on the fields|in the countryside|with a combine|in the dust}"
        ),
        (
            "{golden wheat|ripe wheat|a golden field|yellow fields of wheat} "
            "{being harvested|at harvest time|ready for the harvester}"
        ),
        "{farmers|a farmer} {bringing in the wheat|at the harvest|harvesting the field}",
        "{wheat and dust|stubble and wheat|a field half cut}, {the harvester at work|harvest in full swing}",
    ),
    "ploughing": (
        (
            "{a tractor|a red tractor|a green tractor|the tractor} "
            "{ploughing|ploughing a field|pulling a plough|turning the brown earth}"
        ),
        (
            "{a ploughed field|brown earth|freshly turned earth|long brown lines} "
            "{behind the tractor|and a tractor|with birds behind the plough}"
        ),
        (
            "{ploughing|spring work on the field|field work|a farmer ploughing} "
            "{with a tractor|before the seed|on the farm}"
        ),
        "{a farmer|the farmer} {on his tractor|turning over the field|with the plough}",
        "{gulls|birds|crows} following {a plough|the tractor and plough}",
    ),
    "vineyard": (
        (
            "{a vineyard|vineyards|rows of vines|long rows of vines} "
            "{on a hillside|in the sun|on a slope|in wine country}"
        ),
        "{vines|green vines|old vines} {in straight rows|on wooden stakes|in the vineyard|growing on the hill}",
        "{walking|a walk|working} {through the vineyard|between the vines|among rows of vines}",
        "{a wine village|a wine hill|the wine road} {with vineyards|and its vines}",
        "{the vineyard|a striped hill of vines} {of the wine grower|where the wine grows}",
    ),
    "orchard_blossom": (
        (
            "{fruit trees|trees|an orchard|rows of fruit trees} "
            "{in blossom|in full bloom|covered in white blossom|with pink and white blossom}"
        ),
        "{white|pink|rosy} blossom {in the orchard|on the fruit trees|on every branch}",
        "{spring|a spring day|spring bloom} {in the orchard|among blooming fruit trees|with blossom everywhere}",
        "{a blooming orchard|the orchard blooms|the orchard in spring} {and bees|with green grass|full of blossom}",
        "{bees|bees humming} in the {blossom|blooming trees}",
    ),
    "grazing_cattle": (
        (
            "{cows|cattle|brown cows|black and white cows|a group of cows} "
            "{grazing|grazing on a pasture|on a green meadow|standing in the grass|chewing grass}"
        ),
        "{a pasture|a green pasture|a meadow} {with cows|with grazing cattle|and some cows behind a fence}",
        "{a cow|one curious cow|two cows} {looking at the camera|on the pasture|in the meadow|eating grass}",
        "{grazing cattle|milk cows|spotted cows} {in the countryside|on the hills|behind the fence}",
    ),
    "horse_riding": (
        (
            "{people|a girl|two riders|riders|a woman} {riding a horse|on horses|on horseback|riding horses} "
            "{in the countryside|along a track|in the paddock|across a meadow}"
        ),
        (
            "{horse riding|a riding lesson|a ride on horseback|a ride} "
            "{in the riding arena|along the fields|at the stable}"
        ),
        "{a brown horse|a white horse|a horse|horses} {and its rider|with riders|being ridden|in the riding arena}",
        (
            "{a rider in the saddle|riding boots and a saddle|horse and rider} "
            "{at a trot|jumping a fence|on the bridle path}"
        ),
        "{the riding school|the riding stable} and its horses",
    ),
    "greenhouse": (
        (
            "{greenhouses|a greenhouse|long greenhouses|rows of greenhouses} "
            "{with vegetables|made of glass|in the countryside|shining in the sun|full of young plants}"
        ),
        (
            "{glass roofs|glass houses|plants under glass|vegetables under glass} "
            "{in rows|on the farm|of the market garden}"
        ),
        "{growing|plants growing} {vegetables|salad|peppers|cucumbers} in a greenhouse",
        "{gardeners at work|inside and outside|warm air} in {the greenhouse|greenhouses}",
        "a {lit|large|modern} greenhouse {with plants|full of green plants}",
    ),
    "quarry": (
        (
            "{a quarry|a stone quarry|the old quarry|a limestone quarry} "
            "{with steep terraces|cut into the hill|with a digger|and heaps of stone}"
        ),
        (
            "{diggers|a digger|big dump trucks|a wheel loader} "
            "{in the quarry|between heaps of stone|moving rock|loading stone}"
        ),
        "{rock walls|terraces of bare rock|grey stone|blocks of stone} {in a quarry|of the quarry}",
        "{breaking stone|stone and dust|cutting rock} {in the quarry|at the stone quarry}",
    ),
    "solar_park": (
        (
            "{solar panels|rows of solar panels|hundreds of solar panels|blue solar panels} "
            "{in a field|in the sun|on green grass|in a solar park}"
        ),
        (
            "{a solar park|a solar farm|a solar field|a solar power station} "
            "{in the countryside|with long rows of panels|making power}"
        ),
        "{power|energy|clean energy|green power} {from the sun|from solar panels}",
        "{dark blue panels|tilted panels|panels} {facing the sun|in long rows|reflecting the sky}",
    ),
    "wind_turbines": (
        (
            "{wind turbines|a wind turbine|white wind turbines|three wind turbines|tall wind turbines} "
            "{on a hill|turning in the wind|against the sky|over the fields}"
        ),
        "{a wind farm|a wind park|the wind farm} {in the countryside|on the ridge|with tall white towers}",
        (
            "{wind power|energy from the wind|clean wind energy|wind energy}, "
            "{turning slowly|turbines on the horizon|white towers}"
        ),
        "{big turbines|turbines} {turning|spinning|standing still} {above the fields|on the horizon|in the wind}",
    ),
}

TAGS: dict[str, str] = {
    "forest_hike": "forest, hiking, hikers, trail, woods, trees, walk, rucksack, nature, path",
    "autumn_leaves": "autumn, leaves, autumn colours, red leaves, yellow trees, golden, orange, season",
    "snow_cover": "snow, winter, snowy, white, cold, snow-covered, winter landscape",
    "ski_slope": "ski, skiing, skiers, slope, ski lift, snow, winter sports, ski run",
    "mountain_summit": "summit, mountain, peak, rock, mountain top, view, panorama, high",
    "wheat_harvest": "harvest, wheat, combine harvester, field, dust, farmer, golden, stubble, farming",
    "ploughing": "plough, tractor, ploughing, field, earth, farmer, farming, brown",
    "vineyard": "vineyard, vines, wine, rows, hillside, stakes, slope",
    "orchard_blossom": "blossom, orchard, fruit trees, spring, bloom, bees, white, pink",
    "grazing_cattle": "cows, cattle, pasture, grazing, meadow, cow, fence, grass",
    "horse_riding": "horse, horses, riding, rider, horseback, saddle, stable, paddock",
    "greenhouse": "greenhouse, glass, vegetables, plants, market garden, growing",
    "quarry": "quarry, stone, rock, digger, terraces, dump truck, limestone, dust",
    "solar_park": "solar, solar panels, solar park, energy, power, panels, sun",
    "wind_turbines": "wind turbine, wind turbines, wind farm, wind energy, wind power, turbine",
}
