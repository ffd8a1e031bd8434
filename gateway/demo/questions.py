"""What the demo asks. The text runs unchanged on the gateway and on DuckDB."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One query, who asks it for which purpose, and what policies make of it.

    `seen` is what DuckDB is asked instead: the same with the policies written out. `refused` is
    the code of the error that is the right answer.
    """

    title: str
    sql: str
    user: str = "ana"
    purpose: str = ""
    seen: str = ""
    refused: str = ""
    ordered: bool = True


_DELAYS = """
SELECT a.name AS airline, p.manufacturer, count(*) AS flights,
       avg(f.dep_delay) AS mean_delay, max(w.wind_speed) AS strongest_wind
FROM aviation.operations.flights AS f
JOIN aviation.carriers.airlines AS a ON f.carrier = a.carrier
JOIN aviation.registry.planes AS p ON f.tailnum = p.tailnum
JOIN climate.observations.weather AS w ON f.origin = w.origin AND f.time_hour = w.time_hour
WHERE w.wind_speed > 25 AND f.dep_delay IS NOT NULL
GROUP BY a.name, p.manufacturer
HAVING count(*) >= 20
ORDER BY mean_delay DESC, airline, manufacturer
LIMIT 10
"""

_LONGEST = """
SELECT f.carrier, f.flight, f.origin, f.dest, f.time_hour, f.arr_delay
FROM aviation.operations.flights AS f
WHERE f.arr_delay IS NOT NULL
ORDER BY f.arr_delay DESC, f.carrier, f.flight
LIMIT 10
"""

_PARTS = """
SELECT CASE WHEN f.hour < 9 THEN '1 early' WHEN f.hour < 17 THEN '2 day' ELSE '3 late' END AS part,
       date_part('quarter', f.time_hour) AS quarter,
       count(*) AS flights, avg(f.arr_delay) AS mean_delay
FROM aviation.operations.flights AS f
JOIN aviation.registry.airports AS d ON f.dest = d.faa
WHERE d.name LIKE '%Intl%'
GROUP BY 1, 2
ORDER BY 1, 2
"""

_UNREGISTERED = """
SELECT a.name AS airline, count(*) AS flights, count(*) - count(p.tailnum) AS unregistered
FROM aviation.operations.flights AS f
JOIN aviation.carriers.airlines AS a ON f.carrier = a.carrier
LEFT JOIN aviation.registry.planes AS p ON f.tailnum = p.tailnum
GROUP BY a.name
"""

_MAKERS = """
SELECT manufacturer, count(*) AS planes, max(seats) AS most_seats, min(year) AS oldest
FROM aviation.registry.planes
WHERE engine LIKE 'Turbo%' AND year > 1970
GROUP BY manufacturer
HAVING count(*) > 20
ORDER BY planes DESC, manufacturer
"""

_CANCELLED = """
SELECT f.month, f.cancelled, w.inches_of_rain, w.mean_visibility
FROM (SELECT month, count(*) AS cancelled FROM aviation.operations.flights
      WHERE dep_time IS NULL GROUP BY month) AS f
JOIN (SELECT month, sum(precip) AS inches_of_rain, avg(visib) AS mean_visibility
      FROM climate.observations.weather GROUP BY month) AS w ON f.month = w.month
ORDER BY f.month
"""

_FLEET = """
SELECT f.tailnum, f.origin, count(*) AS flights
FROM aviation.operations.flights AS f
WHERE f.carrier = 'B6'
GROUP BY f.tailnum, f.origin
ORDER BY flights DESC, f.tailnum, f.origin
"""

_FLOWN_FROM_JFK = _FLEET.replace(
    "aviation.operations.flights",
    """(SELECT * FROM aviation.operations.flights
      WHERE origin = 'JFK' AND dep_time IS NOT NULL AND arr_time IS NOT NULL)""",
)

_MASKED_FLEET = _FLOWN_FROM_JFK.replace(
    "SELECT *",
    """SELECT carrier, origin,
        CASE WHEN length(tailnum) < 6 THEN '***' ELSE tailnum[:2] || '***' END AS tailnum""",
)

_HOURS = """
SELECT w.time_hour, w.temp, w.wind_speed
FROM climate.observations.weather AS w
WHERE w.origin = 'JFK' AND w.month = 7
"""

_MONTHS = """
SELECT w.month, count(*) AS hours, count(w.wind_gust) AS hours_with_gusts
FROM climate.observations.weather AS w
GROUP BY w.month
ORDER BY w.month
"""

_RAIN = """
SELECT w.origin, w.month, count(*) AS hours_of_rain
FROM climate.observations.weather AS w
WHERE w.precip > 0
GROUP BY w.origin, w.month
ORDER BY w.origin, w.month
"""

QUESTIONS = (
    Question("Which airlines and planes run late when the wind is strong?", _DELAYS),
    Question("Which ten flights arrived latest?", _LONGEST),
    Question("When do flights to international airports run late?", _PARTS),
    Question("Whose planes does the registry not know?", _UNREGISTERED, ordered=False),
    Question("Who built the planes?", _MAKERS),
    Question("Are more flights cancelled in a rainy month?", _CANCELLED, user="omar"),
    Question(
        "Who built the planes? (by one who may not know)",
        _MAKERS,
        user="omar",
        refused="UNKNOWN_DATASET",
    ),
)
"""What the mesh can be asked."""

EFFECTS = (
    Question("Which planes does JetBlue fly from New York?", _FLEET),
    Question(
        "The same, asked by a partner: flown from JFK only, registrations masked",
        _FLEET,
        user="eva",
        seen=_MASKED_FLEET,
    ),
    Question(
        "The same, for a purpose that opens the column",
        _FLEET,
        user="eva",
        purpose="incident",
        seen=_FLOWN_FROM_JFK,
    ),
    Question(
        "Who built the planes? (by one who has not said what for)",
        _MAKERS,
        user="eva",
        refused="PURPOSE_REQUIRED",
    ),
    Question("The same, for the purpose that is asked for", _MAKERS, "eva", "safety"),
    Question(
        "How was the weather, hour by hour? (from the EU, and the rows may not leave the US)",
        _HOURS,
        user="eva",
        refused="RESIDENCY_VIOLATION",
    ),
    Question("How often did gusts blow, month by month? (an aggregate may leave)", _MONTHS, "eva"),
    Question(
        "How long did it rain at each airport? (groups of fewer than 50 rows may not leave)",
        _RAIN,
        user="eva",
        seen=_RAIN.replace("ORDER BY", "HAVING count(*) >= 50\nORDER BY"),
    ),
)
"""What policies make of a question, depending on who asks, for what and from where."""

EXPLAINED = (QUESTIONS[0], EFFECTS[-2])
"""Those whose plans are shown."""

CONNECT = """
import adbc_driver_flightsql.dbapi as flight
db = flight.connect("{uri}", {{"username": "{user}", "password": "{password}"}}, autocommit=True)
print(db.execute("SELECT count(*) FROM aviation.operations.flights").fetch_arrow_table())
"""
"""How to connect from Python; README.md shows the same lines."""
