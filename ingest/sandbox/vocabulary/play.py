"""How photographers put the ten concepts on the move and at play into words; `{a|b}` is one of several."""

PHRASES: dict[str, tuple[str, ...]] = {
    "traffic_jam": (
        (
            "{a traffic jam|stuck in a traffic jam|heavy traffic|dense traffic} "
            "{in the city|on the way to work|with long lines of cars|on the main road}"
        ),
        (
            "{cars|rows of cars|a long line of cars|hundreds of cars} "
            "{in a traffic jam|stuck in traffic|standing still|queuing on the road}"
        ),
        "{red brake lights|brake lights|car after car|headlights} {in heavy traffic|in a jam|on a full road}",
        (
            "{slow traffic|nothing moves|waiting in the car|drivers waiting} "
            "{on the road to work|at the traffic lights|in a jam}"
        ),
    ),
    "motorway_trucks": (
        (
            "{trucks|big trucks|a truck|heavy trucks|a line of trucks} "
            "{on a motorway|on the motorway|driving along the motorway|overtaking on the motorway}"
        ),
        (
            "{a motorway|the motorway|a wide motorway|a motorway with several lanes} "
            "{with trucks|with heavy trucks|and fast traffic|under a bridge}"
        ),
        "{driving|long distance driving|truck drivers} {on the motorway|with trucks in the right lane|for hours}",
        "{traffic|trucks and cars|fast traffic} on the {motorway|lanes of a motorway}",
    ),
    "train_station": (
        (
            "{a train|a red train|a regional train|an express train} "
            "{at the station|arriving at the platform|standing in the train station|leaving the station}"
        ),
        (
            "{a train station|the station|the platform|the main station} "
            "{with a train|with people waiting|and the tracks|with a big clock}"
        ),
        (
            "{people|travellers|a crowd} "
            "{waiting on the platform|waiting for the train|with suitcases at the station|getting on the train}"
        ),
        "{tracks and wires|the tracks|signals and tracks} {at the train station|beside the platform}",
        "{travelling by train|the train is late|saying goodbye} {at the station|on the platform}",
    ),
    "airport_planes": (
        (
            "{planes|airplanes|a plane|a white plane|big planes} "
            "{at the airport|on the runway|at the gate|parked at the airport|landing at the airport}"
        ),
        "{the airport|an airport|a busy airport} {with planes|with a control tower|and its runway|before a flight}",
        "{an airplane|a plane} {taking off|landing|rolling to the runway|above the airport}",
        "{flying|before the flight|off on holiday|waiting for a flight} {at the airport|by plane}",
        "{the tail of a plane|wings and engines|a row of planes} {at the airport|beside the terminal}",
    ),
    "soccer_match": (
        (
            "{a soccer match|a soccer game|soccer|sunday soccer} "
            "{on a green field|between two teams|of the local club|with players in red and blue}"
        ),
        (
            "{soccer players|players|two teams|boys} "
            "{playing soccer|chasing the ball|in front of the goal|on the soccer field}"
        ),
        (
            "{a goal|a shot at the goal|a corner kick|the goalkeeper} "
            "{in a soccer match|on the soccer field|and cheering fans}"
        ),
        "{kicking a ball|running for the ball|the ball is in the net} {in a soccer game|at the soccer club}",
        "{fans|parents|people} watching a soccer {match|game}",
    ),
    "tennis_courts": (
        (
            "{people|two players|a couple|friends} "
            "{playing tennis|on a tennis court|hitting balls over the net|in a tennis match}"
        ),
        (
            "{a tennis court|tennis courts|red clay tennis courts|the tennis club} "
            "{with players|with white lines|and a net|behind the fence}"
        ),
        (
            "{tennis|a tennis match|a game of tennis|a tennis lesson} "
            "{on red clay|on the court|in the club|in white clothes}"
        ),
        "{a tennis player|a woman|a man} {hitting the ball|playing tennis|at the net of a tennis court}",
    ),
    "golf": (
        (
            "{golfers|a golfer|people|two golfers} "
            "{playing golf|on the golf course|on a golf course|at the flag|swinging a golf stick}"
        ),
        (
            "{a golf course|the golf course|a green golf course} "
            "{with flags|with sand and ponds|with smooth lawns|and its short grass}"
        ),
        "{golf|a round of golf|a game of golf} {on smooth grass|at the golf club|in the countryside}",
        (
            "{the flag and the hole|a golf ball near the hole|a red flag on the lawn|a golf cart} "
            "{on the golf course|of a golf course}"
        ),
    ),
    "camping": (
        (
            "{tents|colourful tents|a tent|small tents|rows of tents} "
            "{on a campsite|on the meadow|at the camping ground|under the trees}"
        ),
        (
            "{camping|a camping holiday|summer camping|a weekend of camping} "
            "{in tents|in nature|with the family|with friends}"
        ),
        "{a campsite|the campsite|a camping ground} {with tents|with tents and camper vans|in summer}",
        "{campers|a family|friends} {in front of the tent|cooking beside their tents|around a fire|at the campsite}",
        "{a fire and tents|sleeping in a tent|a night in the tent} {at the campsite|on a camping trip}",
    ),
    "playground": (
        (
            "{children|a child|small children|parents and children} "
            "{on a playground|playing on the playground|on a swing|on the slide|climbing at the playground}"
        ),
        (
            "{a playground|the playground|a colourful playground} "
            "{with a slide|with a slide and a swing|full of children|in the park}"
        ),
        "{a swing|a red slide|a slide and a swing|a climbing tower} {on the playground|for children}",
        "{sliding|swinging|climbing and sliding|playing in the sand} {with other children|at the playground}",
    ),
    "running_trail": (
        (
            "{joggers|a jogger|runners|a runner|a woman jogging} "
            "{on a trail|on the path|running through the park|running along the trail|in sports clothes}"
        ),
        (
            "{jogging|running|a morning run|an evening run} "
            "{on the trail|through the park|along the path|in running shoes}"
        ),
        "{a running trail|a jogging path|a path through the park} {with joggers|with runners|and a runner}",
        "{a group of runners|two friends|a running group} {jogging|running side by side|training for a race}",
    ),
}

TAGS: dict[str, str] = {
    "traffic_jam": "traffic jam, traffic, cars, brake lights, jam, queue, road, drivers",
    "motorway_trucks": "motorway, trucks, truck, lanes, traffic, driving, long distance",
    "train_station": "train, station, platform, train station, tracks, travellers, suitcase",
    "airport_planes": "airport, plane, planes, airplane, runway, flight, terminal, control tower",
    "soccer_match": "soccer, soccer match, ball, goal, players, team, game, goalkeeper, sport",
    "tennis_courts": "tennis, tennis court, net, clay, players, match, ball, sport",
    "golf": "golf, golf course, golfer, flag, hole, lawn, sport",
    "camping": "camping, tents, campsite, tent, campers, summer, fire, holiday",
    "playground": "playground, children, swing, slide, climbing, play, park",
    "running_trail": "jogging, running, jogger, runner, trail, path, sport, training",
}
