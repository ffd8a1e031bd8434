"""What the demo asks. The text runs unchanged on the gateway and on DuckDB."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One query, who asks it, and whether policies let them."""

    title: str
    sql: str
    user: str = "ana"
    denied: bool = False
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

QUESTIONS = (
    Question("Which airlines and planes run late when the wind is strong?", _DELAYS),
    Question("Which ten flights arrived latest?", _LONGEST),
    Question("When do flights to international airports run late?", _PARTS),
    Question("Whose planes does the registry not know?", _UNREGISTERED, ordered=False),
    Question("Who built the planes?", _MAKERS),
    Question("Are more flights cancelled in a rainy month?", _CANCELLED, user="omar"),
    Question("Who built the planes? (by one who may not know)", _MAKERS, "omar", denied=True),
)

EXPLAINED = QUESTIONS[0]
"""The one whose plan is shown."""

CONNECT = """
import adbc_driver_flightsql.dbapi as flight
db = flight.connect("{uri}", {{"username": "{user}", "password": "{password}"}}, autocommit=True)
print(db.execute("SELECT count(*) FROM aviation.operations.flights").fetch_arrow_table())
"""
"""How to connect from Python; README.md shows the same lines."""
