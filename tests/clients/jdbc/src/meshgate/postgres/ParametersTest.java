package meshgate.postgres;

import static meshgate.postgres.Front.connect;
import static meshgate.postgres.Front.rows;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.UUID;
import meshgate.jdbc.Feature;
import org.junit.jupiter.api.Test;

/** Prepared statements and their parameters: unnamed ones, named ones, in text and in binary. */
class ParametersTest {
    private interface Work {
        void with(Connection connection) throws SQLException;
    }

    /** Never prepared by name, from the third use on, and at once with values in binary. */
    private static void inEveryWay(Work work) throws SQLException {
        for (String threshold : List.of("0", "3", "-1")) {
            try (Connection connection = connect("prepareThreshold", threshold)) {
                work.with(connection);
            }
        }
    }

    @Feature("prepared parameters")
    @Test
    void comparedWithColumns() throws SQLException {
        String sql = "SELECT id FROM sales.shop.orders WHERE amount = ? AND customer = ? AND id < ?";
        inEveryWay(
                connection -> {
                    try (PreparedStatement statement = connection.prepareStatement(sql)) {
                        for (int i = 0; i < 10; i++) {
                            statement.setBigDecimal(1, new BigDecimal(i).movePointLeft(2));
                            statement.setString(2, "customer " + i % 7);
                            statement.setInt(3, 99);
                            boolean quarters = i % 25 == 0;
                            assertEquals(
                                    quarters ? List.of("1") : List.of(),
                                    rows(statement.executeQuery()));
                        }
                        statement.setNull(1, Types.NUMERIC);
                        assertEquals(List.of(), rows(statement.executeQuery()));
                        statement.setBigDecimal(1, new BigDecimal("1.25"));
                        statement.setObject(2, "customer 5");
                        statement.setLong(3, 99);
                        assertEquals(List.of("6"), rows(statement.executeQuery()));
                        statement.setObject(1, 1.25);
                        statement.setObject(3, "99", Types.BIGINT);
                        assertEquals(List.of("6"), rows(statement.executeQuery()));
                    }
                });
    }

    @Feature("prepared parameters")
    @Test
    void ofEveryType() throws SQLException {
        List<String> conditions =
                List.of(
                        "k_int16 = ?", "k_int32 = ?", "k_int64 = ?", "k_float64 = ?", "k_wide = ?",
                        "k_text = ?", "k_bytes = ?", "k_date = ?", "k_time = ?", "k_timestamp = ?",
                        "k_instant = ?", "k_bool = ?", "k_uint64 = ?", "k_float32 = ?");
        List<Object> values =
                List.of(
                        (short) 32767,
                        Integer.MAX_VALUE,
                        Long.MAX_VALUE,
                        Double.NEGATIVE_INFINITY,
                        new BigDecimal("-0.00000001"),
                        "ü \"quoted\", \\ 雪",
                        new byte[] {},
                        LocalDate.parse("9999-12-31"),
                        LocalTime.parse("23:59:59.999999"),
                        LocalDateTime.parse("2024-02-29T12:30:00.000500"),
                        OffsetDateTime.parse("2024-07-01T14:30:00.5+02:00"),
                        false,
                        new BigDecimal("18446744073709551615"),
                        Float.POSITIVE_INFINITY);
        inEveryWay(
                connection -> {
                    for (int i = 0; i < values.size(); i++) {
                        String sql = "SELECT k_int8 FROM sales.types.kinds WHERE " + conditions.get(i);
                        try (PreparedStatement statement = connection.prepareStatement(sql)) {
                            for (int run = 0; run < 4; run++) {
                                statement.setObject(1, values.get(i));
                                assertEquals(
                                        List.of("127"), rows(statement.executeQuery()), sql);
                            }
                        }
                    }
                });
    }

    @Feature("prepared parameters")
    @Test
    void thatAreAnswers() throws SQLException {
        UUID uuid = UUID.fromString("00010203-0405-0607-0809-0a0b0c0d0e0f");
        inEveryWay(
                connection -> {
                    try (PreparedStatement statement =
                            connection.prepareStatement("SELECT ?, ?, ?, ?, ?, ?, ?, ?")) {
                        for (int run = 0; run < 4; run++) {
                            statement.setInt(1, 7);
                            statement.setLong(2, 1L << 40);
                            statement.setString(3, "text");
                            statement.setBoolean(4, true);
                            statement.setBigDecimal(5, new BigDecimal("2.50"));
                            statement.setDouble(6, 0.25);
                            statement.setBytes(7, new byte[] {1, 2});
                            statement.setObject(8, uuid);
                            try (ResultSet result = statement.executeQuery()) {
                                result.next();
                                assertEquals(7, result.getObject(1));
                                assertEquals(1L << 40, result.getObject(2));
                                assertEquals("text", result.getObject(3));
                                assertEquals(true, result.getObject(4));
                                assertEquals(
                                        0, new BigDecimal("2.5").compareTo(result.getBigDecimal(5)));
                                assertEquals(0.25, result.getObject(6));
                                assertArrayEquals(new byte[] {1, 2}, result.getBytes(7));
                                assertEquals(uuid.toString(), result.getString(8));
                            }
                        }
                    }
                });
    }

    @Feature("prepared parameters")
    @Test
    void datesAndTimesOfOldClasses() throws SQLException {
        String sql = "SELECT k_int8 FROM sales.types.kinds WHERE k_date = ? AND k_timestamp = ?";
        inEveryWay(
                connection -> {
                    try (PreparedStatement statement = connection.prepareStatement(sql)) {
                        statement.setDate(1, Date.valueOf("9999-12-31"));
                        statement.setTimestamp(2, Timestamp.valueOf("2024-02-29 12:30:00.0005"));
                        assertEquals(List.of("127"), rows(statement.executeQuery()));
                    }
                });
    }

    /** The driver runs it, and keeps no row. */
    @Feature("arrays of parameters")
    @Test
    void aBatchGivesNoRows() throws SQLException {
        String sql = "SELECT customer FROM sales.shop.orders WHERE id = ?";
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            for (long id : new long[] {1, 2, 3}) {
                statement.setLong(1, id);
                statement.addBatch();
            }
            assertArrayEquals(new int[] {0, 0, 0}, statement.executeBatch());
            assertNull(statement.getResultSet());
            statement.setLong(1, 2);
            assertEquals(List.of("customer 1"), rows(statement.executeQuery()));
        }
    }

    @Feature("schema before rows")
    @Test
    void columnsAreKnownBeforeAValueIsSet() throws SQLException {
        String sql = "SELECT id, amount FROM sales.shop.orders WHERE id = ?";
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            ResultSetMetaData columns = statement.getMetaData();
            assertEquals(2, columns.getColumnCount());
            assertEquals("amount", columns.getColumnName(2));
            assertEquals(Types.NUMERIC, columns.getColumnType(2));
        }
    }

    @Test
    void theirTypesAreKnown() throws SQLException {
        String sql = "SELECT id FROM sales.shop.orders WHERE amount > ? AND customer = ? AND id = ?";
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            ParameterMetaData parameters = statement.getParameterMetaData();
            assertEquals(3, parameters.getParameterCount());
            assertEquals(Types.NUMERIC, parameters.getParameterType(1));
            assertEquals(Types.VARCHAR, parameters.getParameterType(2));
            assertEquals("int8", parameters.getParameterTypeName(3));
        }
    }

    @Test
    void limitsAndLists() throws SQLException {
        String sql = "SELECT id FROM sales.shop.orders WHERE id IN (?, ?, ?) ORDER BY id LIMIT ? OFFSET ?";
        inEveryWay(
                connection -> {
                    try (PreparedStatement statement = connection.prepareStatement(sql)) {
                        for (int run = 1; run < 5; run++) {
                            for (int i = 1; i <= 3; i++) {
                                statement.setLong(i, i * run);
                            }
                            statement.setInt(4, 2);
                            statement.setInt(5, 1);
                            assertEquals(
                                    List.of("" + 2 * run, "" + 3 * run),
                                    rows(statement.executeQuery()));
                        }
                    }
                });
    }

    @Feature("prepared parameters")
    @Test
    void listsOfValues() throws SQLException {
        String sql = "SELECT id FROM sales.shop.orders WHERE id = ANY(?) AND customer <> ALL(?) ORDER BY id";
        inEveryWay(
                connection -> {
                    try (PreparedStatement statement = connection.prepareStatement(sql)) {
                        for (int run = 0; run < 4; run++) {
                            Object[] ids = {2L, 4L, 6L + run};
                            Object[] customers = {"customer 3", "nobody"};
                            statement.setArray(1, connection.createArrayOf("int8", ids));
                            statement.setArray(2, connection.createArrayOf("text", customers));
                            assertEquals(
                                    List.of("2", "" + (6 + run)), rows(statement.executeQuery()));
                        }
                    }
                });
    }

    @Test
    void whatIsNoValueOfItsTypeIsRefused() throws SQLException {
        try (Connection connection = connect();
                PreparedStatement statement =
                        connection.prepareStatement("SELECT 1 FROM sales.shop.orders WHERE id = ?")) {
            statement.setObject(1, "x", Types.OTHER);
            SQLException error = assertThrows(SQLException.class, statement::executeQuery);
            assertEquals("22P02", error.getSQLState());
            statement.setLong(1, 5);
            assertEquals(List.of("1"), rows(statement.executeQuery()));
        }
    }
}
