package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Prepared statements and their parameters. */
class ParametersTest {
    private Connection connection;

    @BeforeEach
    void open() throws SQLException {
        connection = connect();
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
    }

    /** Sets the parameter of a prepared statement. */
    private interface Setter {
        void set(PreparedStatement statement) throws SQLException;
    }

    /** The ids of the rows whose column is equal to a parameter. */
    private List<String> equal(String column, Setter setter) throws SQLException {
        String sql = "SELECT id FROM lab.types.everything WHERE " + column + " = ? ORDER BY id";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            setter.set(statement);
            return rows(statement.executeQuery());
        }
    }

    private void finds(String id, String column, Setter setter) throws SQLException {
        assertEquals(List.of(id), equal(column, setter), column);
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void numbers() throws SQLException {
        finds("1", "c_int8", s -> s.setByte(1, (byte) -128));
        finds("2", "c_int16", s -> s.setShort(1, (short) 32767));
        finds("1", "c_int32", s -> s.setInt(1, Integer.MIN_VALUE));
        finds("2", "c_int64", s -> s.setLong(1, Long.MAX_VALUE));
        finds("2", "c_uint8", s -> s.setInt(1, 255));
        finds("2", "c_uint32", s -> s.setLong(1, 4294967295L));
        finds("1", "c_float32", s -> s.setFloat(1, 1.5f));
        finds("1", "c_float64", s -> s.setDouble(1, 0.1));
    }

    @Feature("prepared parameters")
    @Test
    void numbersOfAnotherWidth() throws SQLException {
        finds("2", "id", s -> s.setInt(1, 2));
        finds("2", "id", s -> s.setShort(1, (short) 2));
        finds("2", "c_int32", s -> s.setLong(1, Integer.MAX_VALUE));
        finds("1", "c_float64", s -> s.setBigDecimal(1, new BigDecimal("0.1")));
        finds("1", "c_float32", s -> s.setDouble(1, 1.5));
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void decimals() throws SQLException {
        BigDecimal value = new BigDecimal("12345.6789").setScale(10); // that of the column
        finds("1", "c_decimal", s -> s.setBigDecimal(1, value));
    }

    @Test
    void aDecimalOfAnotherScaleIsRefusedByTheDriver() throws SQLException {
        String sql = "SELECT id FROM orders WHERE amount = ?";
        Connection other = connect(); // which can not be closed: the driver has lost its memory
        PreparedStatement statement = other.prepareStatement(sql);
        statement.setBigDecimal(1, new BigDecimal("1.5"));
        SQLException error = assertThrows(SQLException.class, statement::executeQuery);
        assertTrue(error.getMessage().contains("scale must equal"), error::getMessage);
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void texts() throws SQLException {
        finds("1", "c_text", s -> s.setString(1, "Grüße, 世界 🚀"));
        finds("2", "c_text", s -> s.setString(1, ""));
        finds("1", "c_large_text", s -> s.setString(1, "large"));
        assertEquals(List.of(), equal("c_text", s -> s.setString(1, "' OR 1 = 1 --")));
    }

    @Feature("prepared parameters")
    @Test
    void binaries() throws SQLException {
        finds("1", "c_binary", s -> s.setBytes(1, new byte[] {0, 1, -1}));
        finds("1", "c_fixed_binary", s -> s.setBytes(1, "abcd".getBytes()));
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void booleans() throws SQLException {
        finds("1", "c_bool", s -> s.setBoolean(1, true));
    }

    @Feature("prepared parameters")
    @Test
    void moments() throws SQLException {
        finds("1", "c_date", s -> s.setDate(1, Date.valueOf("2024-02-29")));
        finds("2", "c_date", s -> s.setDate(1, Date.valueOf("1969-12-31")));
        finds("1", "c_time_s", s -> s.setTime(1, Time.valueOf("13:14:15")));
        Timestamp moment = Timestamp.valueOf("2024-02-29 13:14:15");
        finds("1", "c_timestamp_s", s -> s.setTimestamp(1, moment));
        Timestamp millis = Timestamp.valueOf("2024-02-29 13:14:15.123");
        finds("1", "c_timestamp_ms", s -> s.setTimestamp(1, millis));
        Timestamp day = Timestamp.valueOf("1969-12-31 00:00:00");
        finds("2", "c_timestamp_utc", s -> s.setTimestamp(1, day));
        String sql = "SELECT id FROM lab.types.everything WHERE c_timestamp_us > ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setTimestamp(1, millis); // the driver cuts what is finer
            assertEquals(List.of("1"), rows(statement.executeQuery()));
            statement.setTimestamp(1, Timestamp.valueOf("2024-02-29 13:14:15.124"));
            assertEquals(List.of(), rows(statement.executeQuery()));
        }
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void objects() throws SQLException {
        finds("1", "c_int32", s -> s.setObject(1, Integer.MIN_VALUE));
        finds("2", "c_int64", s -> s.setObject(1, Long.MAX_VALUE));
        finds("1", "c_text", s -> s.setObject(1, "Grüße, 世界 🚀"));
        finds("1", "c_float64", s -> s.setObject(1, 0.1));
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void nulls() throws SQLException {
        for (String column : List.of("c_int32", "c_text", "c_float64", "c_decimal", "c_date")) {
            assertEquals(List.of(), equal(column, s -> s.setNull(1, Types.NULL)), column);
        }
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void severalParametersInOrder() throws SQLException {
        String sql =
                "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id"
                        + " WHERE c.region = ? AND o.amount BETWEEN ? AND ? ORDER BY 1 LIMIT 2";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, "EU");
            statement.setBigDecimal(2, new BigDecimal("1.00"));
            statement.setBigDecimal(3, new BigDecimal("2.00"));
            assertEquals(List.of("5", "7"), rows(statement.executeQuery()));
            statement.setString(1, "US");
            assertEquals(List.of("6", "8"), rows(statement.executeQuery()));
        }
    }

    @EveryDriver
    @Feature("prepared parameters")
    @Test
    void onePreparedStatementManyTimes() throws SQLException {
        String sql = "SELECT name FROM customers WHERE id = ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int id = 1; id <= 10; id++) {
                statement.setLong(1, id);
                assertEquals(List.of("customer " + id), rows(statement.executeQuery()));
            }
        }
    }

    @Feature("prepared parameters")
    @Test
    void whatIsKnownOfParameters() throws SQLException {
        String sql = "SELECT id FROM orders WHERE id = ? AND amount > ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            ParameterMetaData parameters = statement.getParameterMetaData();
            assertEquals(2, parameters.getParameterCount());
            assertEquals(Types.BIGINT, parameters.getParameterType(1));
            assertEquals(Types.DECIMAL, parameters.getParameterType(2));
            assertEquals(1, statement.getMetaData().getColumnCount());
        }
    }

    @Feature("schema before rows")
    @Test
    void columnsAreKnownBeforeTheQueryRuns() throws SQLException {
        String sql = "SELECT id, amount AS paid FROM orders WHERE id = ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            ResultSetMetaData columns = statement.getMetaData();
            assertEquals(2, columns.getColumnCount());
            assertEquals("id", columns.getColumnLabel(1));
            assertEquals("paid", columns.getColumnLabel(2));
            assertEquals(Types.BIGINT, columns.getColumnType(1));
            assertEquals(Types.DECIMAL, columns.getColumnType(2));
        }
    }

    @Test
    void aMissingParameterIsAnError() throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT id FROM orders WHERE id = ?")) {
            assertThrows(SQLException.class, statement::executeQuery);
        }
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }

    @Test
    void rightsHoldForParametersToo() throws SQLException {
        try (Connection ben = Gateway.connectAs(Gateway.BEN);
                PreparedStatement statement =
                        ben.prepareStatement("SELECT email FROM customers WHERE id = ?")) {
            statement.setLong(1, 1);
            assertEquals(List.of("c0***"), rows(statement.executeQuery()));
            statement.setLong(1, 2);
            assertEquals(List.of(), rows(statement.executeQuery()));
        }
    }

    @EveryDriver
    @Feature("arrays of parameters")
    @Test
    void batchesAreForChangesOnly() throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT id FROM orders WHERE id = ?")) {
            for (int id : new int[] {3, 1}) {
                statement.setLong(1, id);
                statement.addBatch();
            }
            SQLException error = assertThrows(SQLException.class, statement::executeBatch);
            assertTrue(error.toString().contains("only reads"), error::toString);
        }
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }
}
