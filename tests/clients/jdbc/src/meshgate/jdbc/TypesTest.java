package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Calendar;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Every Arrow type: the values of two rows and NULL, by the getters that fit. */
class TypesTest {
    private static final TimeZone UTC = TimeZone.getTimeZone("UTC");
    private static final Instant MOMENT = Instant.parse("2024-02-29T13:14:15.123456Z");

    private Connection connection;
    private Statement statement;

    @BeforeEach
    void open() throws SQLException {
        connection = connect();
        statement = connection.createStatement();
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
    }

    /** A getter: what it is called does not matter here. */
    private interface Getter<T> {
        T get(ResultSet result) throws SQLException;
    }

    /** The values of a column, row by row; the third row is NULL, which is checked here. */
    private <T> List<T> values(String dataset, String column, Getter<T> getter)
            throws SQLException {
        List<T> values = new ArrayList<>();
        String sql = "SELECT " + column + " FROM lab.types." + dataset + " ORDER BY id";
        try (ResultSet result = statement.executeQuery(sql)) {
            while (result.next()) {
                T value = getter.get(result);
                assertEquals(values.size() == 2, result.wasNull(), column);
                values.add(value);
            }
        }
        assertEquals(3, values.size());
        return values.subList(0, 2);
    }

    private <T> List<T> values(String column, Getter<T> getter) throws SQLException {
        return values("everything", column, getter);
    }

    private List<String> texts(String column) throws SQLException {
        return values(column, result -> result.getString(1));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void booleans() throws SQLException {
        assertEquals(List.of(true, false), values("c_bool", result -> result.getBoolean(1)));
        assertEquals(List.of(true, false), values("c_bool", result -> result.getObject(1)));
        assertEquals(List.of("true", "false"), texts("c_bool"));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void signedIntegers() throws SQLException {
        assertEquals(List.of((byte) -128, (byte) 127), values("c_int8", r -> r.getByte(1)));
        assertEquals(List.of((short) -32768, (short) 32767), values("c_int16", r -> r.getShort(1)));
        List<Integer> ints = List.of(Integer.MIN_VALUE, Integer.MAX_VALUE);
        assertEquals(ints, values("c_int32", r -> r.getInt(1)));
        assertEquals(ints, values("c_int32", r -> r.getObject(1)));
        List<Long> longs = List.of(Long.MIN_VALUE, Long.MAX_VALUE);
        assertEquals(longs, values("c_int64", r -> r.getLong(1)));
        assertEquals(longs, values("c_int64", r -> r.getObject(1)));
        assertEquals(
                List.of("-9223372036854775808", "9223372036854775807"), texts("c_int64"));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void unsignedIntegers() throws SQLException {
        assertEquals(List.of(0L, 255L), values("c_uint8", r -> r.getLong(1)));
        assertEquals(List.of(0L, 65535L), values("c_uint16", r -> r.getLong(1)));
        assertEquals(List.of(0L, 4294967295L), values("c_uint32", r -> r.getLong(1)));
        assertEquals(List.of("0", "255"), texts("c_uint8"));
        assertEquals(List.of("0", "4294967295"), texts("c_uint32"));
        assertEquals(List.of("0", "18446744073709551615"), texts("c_uint64"));
        assertEquals(
                List.of(BigDecimal.ZERO, new BigDecimal("18446744073709551615")),
                values("c_uint64", r -> r.getBigDecimal(1)));
        for (String column : List.of("c_uint8", "c_uint16", "c_uint32", "c_uint64")) {
            List<Object> objects = values(column, r -> r.getObject(1));
            assertTrue(((Number) objects.get(1)).doubleValue() > 0, column);
        }
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void floats() throws SQLException {
        assertEquals(List.of(1.5, -2.0), values("c_float16", r -> r.getDouble(1)));
        assertEquals(List.of(1.5f, -3.25f), values("c_float32", r -> r.getFloat(1)));
        assertEquals(List.of(0.1, -1e300), values("c_float64", r -> r.getDouble(1)));
        assertEquals(List.of(0.1, -1e300), values("c_float64", r -> r.getObject(1)));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void decimals() throws SQLException {
        List<BigDecimal> small =
                List.of(new BigDecimal("12345.6789000000"), new BigDecimal("-0.0000000001"));
        assertEquals(small, values("c_decimal", r -> r.getBigDecimal(1)));
        assertEquals(small, values("c_decimal", r -> r.getObject(1)));
        List<BigDecimal> wide =
                List.of(new BigDecimal("1.250"), BigDecimal.TEN.pow(40).setScale(3));
        assertEquals(wide, values("odd", "c_decimal256", r -> r.getBigDecimal(1)));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void texts() throws SQLException {
        assertEquals(List.of("Grüße, 世界 🚀", ""), texts("c_text"));
        assertEquals(List.of("large", "x".repeat(5000)), texts("c_large_text"));
        assertEquals(
                List.of("seen through a view", ""), values("odd", "c_text_view", r -> r.getString(1)));
        assertEquals(List.of("Grüße, 世界 🚀", ""), values("c_text", r -> r.getObject(1)));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void binaries() throws SQLException {
        assertArrayEquals(new byte[] {0, 1, -1}, values("c_binary", r -> r.getBytes(1)).get(0));
        assertArrayEquals(new byte[] {}, values("c_binary", r -> r.getBytes(1)).get(1));
        assertArrayEquals(new byte[] {2}, values("c_large_binary", r -> r.getBytes(1)).get(0));
        assertArrayEquals(
                "abcd".getBytes(), (byte[]) values("c_fixed_binary", r -> r.getObject(1)).get(0));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void dates() throws SQLException {
        List<Date> dates = List.of(Date.valueOf("2024-02-29"), Date.valueOf("1969-12-31"));
        assertEquals(dates, values("c_date", r -> r.getDate(1)));
        assertEquals(dates, values("c_date", r -> r.getObject(1)));
        assertEquals(List.of("2024-02-29", "1969-12-31"), texts("c_date"));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void times() throws SQLException {
        for (String column : List.of("c_time_s", "c_time_ms", "c_time_us", "c_time_ns")) {
            String text = texts(column).get(0);
            assertTrue(text.startsWith("13:14:15"), text); // JDBC's times have milliseconds
            assertNotNull(values(column, r -> r.getTime(1)).get(0));
        }
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void timestamps() throws SQLException {
        Timestamp first = Timestamp.valueOf("2024-02-29 13:14:15.123456");
        Timestamp early = Timestamp.valueOf("1969-12-31 23:59:59.999999");
        assertEquals(List.of(first, early), values("c_timestamp_us", r -> r.getTimestamp(1)));
        assertEquals(List.of(first, early), values("c_timestamp_us", r -> r.getObject(1)));
        assertEquals(first, values("c_timestamp_ns", r -> r.getTimestamp(1)).get(0));
        assertEquals("0001-01-01 00:00:00.0", texts("c_timestamp_s").get(1));
        assertEquals("2024-02-29 13:14:15.123", texts("c_timestamp_ms").get(0));
    }

    @Feature("all types")
    @Test
    void timestampsOfNoZoneAreNotMoved() throws SQLException {
        Getter<Object> local = r -> r.getObject(1, LocalDateTime.class);
        assertEquals(
                LocalDateTime.parse("2024-02-29T13:14:15.123456"),
                values("c_timestamp_us", local).get(0));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void timestampsOfAZoneAreInstants() throws SQLException {
        for (String column : List.of("c_timestamp_utc", "c_timestamp_zone")) {
            Getter<Timestamp> getter = r -> r.getTimestamp(1, Calendar.getInstance(UTC));
            assertEquals(MOMENT, values(column, getter).get(0).toInstant(), column);
            assertEquals("2024-02-29 13:14:15.123456", texts(column).get(0));
        }
    }

    @Feature("all types")
    @Test
    void timestampsOfAZoneHaveAnOffset() throws SQLException {
        for (String column : List.of("c_timestamp_utc", "c_timestamp_zone")) {
            Getter<OffsetDateTime> getter = r -> r.getObject(1, OffsetDateTime.class);
            assertEquals(MOMENT, values(column, getter).get(0).toInstant(), column);
        }
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void durationsAndIntervals() throws SQLException {
        assertEquals(
                List.of(Duration.ofDays(1).plusNanos(5000), Duration.ofDays(-1)),
                values("odd", "c_duration", r -> r.getObject(1)));
        assertEquals("P14M3DT5S", texts("c_interval").get(0).replace(" PT", "T"));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void lists() throws SQLException {
        Getter<List<?>> elements = r -> elements(r.getArray(1));
        assertEquals(Arrays.asList(1, null, 3), values("c_list", elements).get(0));
        assertEquals(List.of(), values("c_list", elements).get(1));
        assertEquals("[a, b]", values("c_texts", elements).get(0).toString());
        assertEquals("[[1],[2,3]]", texts("c_nested_list").get(0));
    }

    /** To be read as long as the result is open. */
    private static List<?> elements(Array array) throws SQLException {
        return array == null ? null : new ArrayList<>(Arrays.asList((Object[]) array.getArray()));
    }

    @EveryDriver
    @Feature("all types")
    @Test
    void structsAndMaps() throws SQLException {
        Map<?, ?> struct = (Map<?, ?>) values("c_struct", r -> r.getObject(1)).get(0);
        assertEquals("one", struct.get("name").toString());
        assertEquals(1, struct.get("size"));
        assertTrue(texts("c_map").get(0).replace(" ", "").contains("\"a\":1"), () -> "c_map");
    }


    @EveryDriver
    @Feature("all types")
    @Test
    void wholeRows() throws SQLException {
        for (String dataset : List.of("everything", "odd")) {
            String sql = "SELECT x.* FROM lab.types." + dataset + " x ORDER BY id";
            try (ResultSet result = statement.executeQuery(sql)) {
                int columns = result.getMetaData().getColumnCount();
                for (int row = 1; row <= 3; row++) {
                    assertTrue(result.next());
                    for (int i = 2; i <= columns; i++) {
                        String name = result.getMetaData().getColumnName(i);
                        assertNotNull(result.getMetaData().getColumnTypeName(i));
                        String value = result.getString(i);
                        if (row == 3) {
                            assertNull(value, name);
                        } else {
                            assertNotNull(value, name);
                        }
                    }
                }
                assertFalse(result.next());
            }
        }
    }
}
