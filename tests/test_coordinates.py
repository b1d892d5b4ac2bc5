"""Coordinates in the notations that people copy from somewhere."""

import contextlib
import re

import numpy as np
import pytest

from ingest.places.coordinates import parse_coordinates, show
from ingest.places.plus_codes import recover_plus_code, short_plus_code
from trainer.errors import AreaError

BANEPA = (27.63, 85.52)


@pytest.mark.parametrize(
    "text",
    [
        "27.63, 85.52",
        "27.63 85.52",
        "27.63;85.52",
        "27.63°, 85.52°",
        "27,63 85,52",
        "27,63; 85,52",
        "27.63N 85.52E",
        "85.52E 27.63N",
        "N27.63 E85.52",
        "27.63° north, 85.52° east",
        "27.63\N{NO-BREAK SPACE}N, 85.52\N{NO-BREAK SPACE}E",
        "lat=27.63, lon=85.52",
        "Latitude: 27.63 Longitude: 85.52",
        "27° 37.8' N, 85° 31.2' E",
        "27°37′48″N 85°31′12″E",
        "27°37'48''N 85°31'12''E",
        "27 37 48 N 85 31 12 E",
        "N 27 37 48 E 85 31 12",
        "27:37:48 85:31:12",
        "27°37'48\" 85°31'12\"",
        "27d37m48sN 85d31m12sE",
        "27 deg 37 min 48 sec N 85 deg 31 min 12 sec E",
        "+27.63+085.52/",
        "+2737.8+08531.2/",
        "+273748+0853112/",
        "POINT (85.52 27.63)",
        "geo:27.63,85.52;u=35",
        "geo:0,0?q=27.63,85.52(Banepa)",
        "https://www.google.com/maps/@27.63,85.52,15z",
        "https://www.google.com/maps/place/Banepa/@27.6,85.5,14z/data=!3m1!4b1!8m2!3d27.63!4d85.52",
        "https://maps.google.com/?q=27.63,85.52",
        "https://www.google.com/maps/search/?api=1&query=27.63%2C85.52",
        "https://www.openstreetmap.org/#map=15/27.6300/85.5200",
        "https://www.openstreetmap.org/?mlat=27.63&mlon=85.52#map=12/27.5/85.5",
        "https://www.bing.com/maps?cp=27.63%7E85.52&lvl=12",
        "https://maps.apple.com/?ll=27.63,85.52",
        "२७.६३, ८५.५२",
        "٢٧٫٦٣، ٨٥٫٥٢",
        "２７．６３，８５．５２",
        "(27.63, 85.52)",
        "\N{LEFT-TO-RIGHT MARK}(27.63, 85.52)\N{LEFT-TO-RIGHT MARK}",
        "\N{ZERO WIDTH NO-BREAK SPACE}27.63,\N{THIN SPACE}85.52\N{POP DIRECTIONAL ISOLATE}",
        "[27.63, 85.52]",
        "27,63, 85,52",
        "27,63 / 85,52",
        "27,63N 85,52E",
        "27° 37,8' N, 85° 31,2' E",
        "27°37'48,0\"N 85°31'12,0\"E",
        "27.63|85.52",
        "27∘37ʹ48ʺN 85⁰31ʹ12ʺE",
        "27&deg;37'48&quot;N 85&deg;31'12&quot;E",
        "27.63 degrees N., 85.52 degrees E.",
        "27.63° Nord, 85.52° Ost",
        "27.63 с. ш., 85.52 в. д.",
        "北緯27度37分48秒 東経85度31分12秒",
        "Coordinates: 27.63, 85.52",
        "@27.63,85.52,15z",
        "lon 85.52 lat 27.63",
        '{"lng": 85.52, "lat": 27.63}',
        "Lat: 27°37'48\"N Long: 85°31'12\"E",
        "POINT Z (85.52 27.63 1500)",
        "https://maps.google.com/maps?ll=27.5,85.4&q=27.63,85.52",
        "https://www.google.com/maps/place/27%C2%B037'48.0%22N+85%C2%B031'12.0%22E/@27.5,85.4,15z",
        "https://www.google.com/maps/place/A/@27.5,85.4,9z/data=!3m1!3d27.1!4d85.1!8m2!3d27.63!4d85.52",
        "https://www.google.com/maps/dir/27.1,85.1/27.63,85.52/@27.5,85.4,9z",
        "https://www.google.com/maps/dir/A/B/data=!2m2!1d85.1!2d27.1!1m1!2m2!1d85.52!2d27.63!3e0",
        "https://www.google.com/maps/embed?pb=!1m18!1m12!1m3!1d5000.5!2d85.52!3d27.63!2m3",
        "https://www.google.com/maps/dir/?api=1&origin=27.1,85.1&destination=27.63,85.52",
        "https://maps.google.com/?q=loc:27.63+85.52",
        "maps.google.com/?q=27.63,85.52",
        "Banepa https://www.google.com/maps/@27.63,85.52,15z",
        "https://maps.apple.com/?ll=27.5,85.4&q=27.63,85.52",
        "https://maps.apple.com/place?coordinate=27.63%2C85.52&name=Banepa",
        "https://www.bing.com/maps?cp=27.5~85.4&sp=point.27.63_85.52_Banepa",
        "https://www.openstreetmap.org/?mlon=85.52&mlat=27.63",
        "https://www.openstreetmap.org/directions?route=27.1,85.1;27.63,85.52#map=9/27.5/85.4",
        "https://maplibre.org/map#12/27.63/85.52",
        "https://www.waze.com/live-map/directions?to=ll.27.63%2C85.52",
        "https://wego.here.com/?map=27.63,85.52,15,normal",
        "https://www.mapillary.com/app/?lat=27.63&lng=85.52&z=17",
        "https://yandex.com/maps/10503/banepa/?ll=85.52,27.63&z=12",
        "https://yandex.ru/maps/?ll=85.4,27.5&mode=whatshere&whatshere%5Bpoint%5D=85.52%2C27.63",
        "https://yandex.ru/maps/?rtext=27.1%2C85.1~27.63%2C85.52",
        "https://2gis.com/geo/85.52,27.63?m=85.4,27.5/12",
        "https://mapy.cz/zakladni?x=85.52&y=27.63&z=11",
        "https://www.arcgis.com/apps/mapviewer/index.html?center=85.52,27.63&level=12",
        "https://www.strava.com/heatmap#12.00/85.52000/27.63000/hot/all",
        "https://www.strava.com/maps/global-heatmap?sport=All&gColor=blue#9.7/27.63/85.52",
        "https://geohack.toolforge.org/geohack.php?pagename=Banepa&params=27_37_48_N_85_31_12_E_type:city",
        "https://geohack.toolforge.org/geohack.php?params=27.63_N_85.52_E_",
        "geo:27.5,85.4?q=27.63,85.52(Banepa)",
    ],
)
def test_the_usual_notations_are_read(text: str) -> None:
    assert parse_coordinates(text) == pytest.approx(BANEPA, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("33.8s 151.2e", (-33.8, 151.2)),
        ("S33 51.5 W151 12.6", (-33.858333, -151.21)),
        ("-0°30', 10°", (-0.5, 10.0)),
        ("-33.8, -151.2", (-33.8, -151.2)),
        ("−33.8, −151.2", (-33.8, -151.2)),
        ("90,180", (90.0, 180.0)),
        ("-90 -180", (-90.0, -180.0)),
        ("0N 0E", (0.0, 0.0)),
        ("56 18 90 E 12 0 0 N", None),
    ],
)
def test_hemispheres_and_ends_of_the_globe(text: str, place: tuple[float, float] | None) -> None:
    if place is None:
        with pytest.raises(AreaError):
            parse_coordinates(text)
    else:
        assert parse_coordinates(text) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "within_m"),
    [
        ("45R 353979 3057091", 1),
        ("45 R 0353979 3057091", 1),
        ("45 N 353979 3057091", 1),
        ("UTM 45 north 353979mE 3057091mN", 1),
        ("45RUL5397957091", 1),
        ("45R UL 5397 5709", 10),
        ("mgrs 45r ul 540 570", 100),
        ("7MV7JGJC+22", 20),
        ("7MV7JGJC+2222", 2),
        ("https://plus.codes/7MV7JGJC+22", 20),
    ],
)
def test_grids_give_the_middle_of_their_square(text: str, within_m: float) -> None:
    found = parse_coordinates(text)
    assert found is not None
    north_m, east_m = (found[0] - 27.63) * 110_800, (found[1] - 85.52) * 98_700
    assert max(abs(north_m), abs(east_m)) <= within_m


def test_southern_grids() -> None:
    assert parse_coordinates("56 south 334375 6251093") == pytest.approx((-33.8675, 151.2094), abs=1e-5)
    assert parse_coordinates("56H 334375 6251093") == parse_coordinates("56 S 334375 6251093")
    assert parse_coordinates("45 north 353979 3957430") == pytest.approx((35.7501, 85.3850), abs=1e-4)  # band S


@pytest.mark.parametrize(
    "text", ["Banepa", "", "Route 66", "nan,5", "😀", "Paris, 5th", "7MV7", "two, three", "St.Gallen/5", "1" * 3000]
)
def test_what_is_no_coordinate_is_none(text: str) -> None:
    assert parse_coordinates(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("120.5,30", "write 30,120.5"),
        ("91,200", "from -90 to 90"),
        ("0,181", "from -180 to 180"),
        ("27.63", "not like a latitude and a longitude"),
        ("1,2,3", "not like a latitude and a longitude"),
        ("27 61 0 N 85 0 0 E", "below 60"),
        ("27.5 30 N 85 0 E", "only the last"),
        ("-27N 85E", "both a minus and a letter"),
        ("27N 85N", "same direction twice"),
        ("27N 85", "not like a latitude and a longitude"),
        ("45S 353979 3957430", "'south'"),
        ("61R 353979 3057091", "looks like UTM"),
        ("99RUL5397957091", "looks like MGRS"),
        ("7MV7JGJC+2", "cut short"),
        ("https://maps.app.goo.gl/abc123", "short link"),
        ("https://maps.app.goo.gl/abcXYZ", "short link"),
        ("geo:27.63,85.52;crs=EPSG32645", "another reference system"),
        ("999999999999 1", "not like|from -90"),
        ("27,63,85,52", "not like a latitude and a longitude"),  # decimals, or a box
        ("27, 63, 85, 52", "not like a latitude and a longitude"),
        ("27,30N 85.52E", "not like a latitude and a longitude"),
        ("27°37,5 85°31", "not like a latitude and a longitude"),
        ("12,5 , 13,5 , 14,5", "not like a latitude and a longitude"),
        ("27.63 N, 85.52 O", "write E or W"),
        ("https://www.google.com/maps/place/12,+34th+Street", "carries no coordinates"),
        ("https://tiles.example.com/?x=12&y=7&z=4", "carries no coordinates"),
        ("https://map.baidu.com/?center=39.9,116.4", "China shifts"),
        ("geo:0,0?q=Banepa", "give the name alone"),
        ("45R 353979 305709", "its northing is not in band R"),
        ("https://[x/@27.63,85.52", "is broken"),
    ],
)
def test_coordinates_that_cannot_be_are_refused_and_never_turned_round(text: str, says: str) -> None:
    with pytest.raises(AreaError, match=says):
        parse_coordinates(text)


@pytest.mark.parametrize("text", ["120.5,30", "27.63", "91,200", "61R 353979 3057091", "27N 85"])
def test_what_an_error_says_to_write_is_read(text: str) -> None:
    with pytest.raises(AreaError) as caught:
        parse_coordinates(text)
    (said,) = re.findall(r"write (.*?)(?:, or .*)?$", str(caught.value))
    assert parse_coordinates(said) is not None


def test_a_short_plus_code_is_recovered_near_its_place() -> None:
    assert short_plus_code("JGJC+2X Banepa, Nepal") == ("JGJC+2X", "Banepa, Nepal")
    assert short_plus_code("jgjc+2x, Banepa") == ("JGJC+2X", "Banepa")
    assert short_plus_code("Banepa") is None
    assert short_plus_code("JGJ+2X Banepa") is None
    full = parse_coordinates("7MV7JGJC+2X")
    assert recover_plus_code("JGJC+2X", (27.2, 85.9)) == pytest.approx(full)
    assert recover_plus_code("JGJC+2X", (27.99, 85.05)) == pytest.approx(full)
    assert recover_plus_code("2222+22", (10.0, 179.999))[1] < -179.9  # just over the edge


def test_showing_and_reading_go_round() -> None:
    for place in [(27.63, 85.52), (-33.8, -151.2), (0.0, 0.0), (-90.0, 180.0)]:
        assert parse_coordinates(show(*place)) == pytest.approx(place)


def test_a_hostile_text_comes_back() -> None:  # a pattern that tries every split would take years
    for text in ["1 " * 900, "1," * 900, "1°" * 900, "+1" * 900, "http://x/" + "@1," * 600, "1d1m" * 450, "N1" * 900]:
        with contextlib.suppress(AreaError):
            assert parse_coordinates(text) is None


def test_no_text_breaks_it() -> None:
    random = np.random.default_rng(0)
    letters = list("0123456789.,-+°'\"NSEWnsew dms:/@!#=&?geoPLUTM\u0661\U0001f600\x00")
    for _ in range(3_000):
        with contextlib.suppress(AreaError):
            found = parse_coordinates("".join(random.choice(letters, size=int(random.integers(1, 30)))))
            assert found is None or (abs(found[0]) <= 90 and abs(found[1]) <= 180)
