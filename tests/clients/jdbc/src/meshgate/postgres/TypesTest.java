package meshgate.postgres;

import static meshgate.postgres.Front.connect;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import meshgate.jdbc.Feature;
import org.junit.jupiter.api.Test;

/** Every type, as text and in binary: rows of values, of other values, and of NULLs. */
class TypesTest {
    private interface Look {
        void at(ResultSet first, ResultSet second) throws SQLException;
    }

    /** Look at the rows, in text and (from the first use of a statement on) in binary. */
    private static void look(Look look) throws SQLException {
        for (String binary : List.of("false", "true")) {
            String threshold = binary.equals("true") ? "-1" : "0";
            String sql = "SELECT * FROM sales.types.kinds WHERE k_bool = ?";
            try (Connection connection =
                            connect("binaryTransfer", binary, "prepareThreshold", threshold);
                    PreparedStatement one = connection.prepareStatement(sql);
                    PreparedStatement other = connection.prepareStatement(sql)) {
                one.setBoolean(1, true);
                other.setBoolean(1, false);
                try (ResultSet first = one.executeQuery();
                        ResultSet second = other.executeQuery()) {
                    assertTrue(first.next());
                    assertTrue(second.next());
                    look.at(first, second);
                }
            }
        }
    }

    @Feature("all types")
    @Test
    void numbers() throws SQLException {
        look(
                (first, second) -> {
                    assertEquals(true, first.getObject("k_bool"));
                    assertEquals(false, second.getBoolean("k_bool"));
                    assertEquals((byte) -128, first.getByte("k_int8"));
                    assertEquals(32767, second.getObject("k_int16"));
                    assertEquals(Integer.MIN_VALUE, first.getObject("k_int32"));
                    assertEquals(Long.MIN_VALUE, first.getObject("k_int64"));
                    assertEquals(Long.MAX_VALUE, second.getLong("k_int64"));
                    assertEquals(4294967295L, second.getObject("k_uint32"));
                    assertEquals(
                            new BigDecimal("18446744073709551615"), second.getObject("k_uint64"));
                    assertEquals(1.5f, first.getObject("k_float32"));
                    assertEquals(Float.POSITIVE_INFINITY, second.getFloat("k_float32"));
                    assertEquals(0.1, first.getObject("k_float64"));
                    assertEquals(Double.NEGATIVE_INFINITY, second.getDouble("k_float64"));
                    assertEquals(new BigDecimal("-12345.67"), first.getObject("k_decimal"));
                    assertEquals(new BigDecimal("0.01"), second.getBigDecimal("k_decimal"));
                    assertEquals(
                            new BigDecimal("100000000000000000000.00000000"),
                            first.getBigDecimal("k_wide"));
                });
    }

    @Feature("all types")
    @Test
    void textsAndBytes() throws SQLException {
        look(
                (first, second) -> {
                    assertEquals("ü \"quoted\", \\ 雪", second.getObject("k_text"));
                    assertEquals("plain", first.getString("k_text"));
                    assertArrayEquals(new byte[] {0, -1}, first.getBytes("k_bytes"));
                    assertArrayEquals(new byte[] {}, (byte[]) second.getObject("k_bytes"));
                    assertEquals("{\"a\":1,\"b\":\"x\"}", first.getString("k_struct"));
                    assertEquals("{\"k\":1}", first.getString("k_map"));
                });
    }

    @Feature("all types")
    @Test
    void moments() throws SQLException {
        look(
                (first, second) -> {
                    assertEquals(Date.valueOf("9999-12-31"), second.getObject("k_date"));
                    assertEquals(
                            LocalDate.parse("0001-01-01"),
                            first.getObject("k_date", LocalDate.class));
                    assertEquals(
                            LocalTime.parse("23:59:59.999999"),
                            second.getObject("k_time", LocalTime.class));
                    assertEquals("00:00:00", first.getString("k_time"));
                    assertEquals(
                            LocalDateTime.parse("2024-02-29T12:30:00.000500"),
                            second.getObject("k_timestamp", LocalDateTime.class));
                    assertEquals(
                            OffsetDateTime.parse("2024-07-01T12:30:00.5Z").toInstant(),
                            second.getObject("k_instant", OffsetDateTime.class).toInstant());
                    assertEquals(0L, first.getTimestamp("k_instant").getTime());
                });
    }

    @Feature("all types")
    @Test
    void arrays() throws SQLException {
        look(
                (first, second) -> {
                    assertEquals(Arrays.asList(1, null, 3), elements(first, "k_list"));
                    assertEquals(List.of(), elements(second, "k_list"));
                    assertEquals(
                            Arrays.asList("a b", "", "NULL", null, "\"\\"),
                            elements(first, "k_words"));
                });
    }

    private static List<?> elements(ResultSet result, String column) throws SQLException {
        return new ArrayList<>(Arrays.asList((Object[]) result.getArray(column).getArray()));
    }

    @Feature("all types")
    @Test
    void nulls() throws SQLException {
        String sql = "SELECT * FROM sales.types.kinds WHERE k_bool IS NULL";
        for (String threshold : List.of("0", "-1")) {
            try (Connection connection = connect("prepareThreshold", threshold);
                    PreparedStatement statement = connection.prepareStatement(sql);
                    ResultSet result = statement.executeQuery()) {
                assertTrue(result.next());
                for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                    assertNull(result.getObject(i));
                    assertTrue(result.wasNull());
                }
            }
        }
    }

    @Test
    void whatAResultSaysOfItsColumns() throws SQLException {
        String sql = "SELECT id, customer AS called, amount, amount * 2 AS twice FROM sales.shop.orders";
        try (Connection connection = connect();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            ResultSetMetaData columns = statement.getMetaData();
            assertEquals(4, columns.getColumnCount());
            assertEquals("called", columns.getColumnName(2));
            assertEquals(Types.BIGINT, columns.getColumnType(1));
            assertEquals("int8", columns.getColumnTypeName(1));
            assertEquals(Types.VARCHAR, columns.getColumnType(2));
            assertEquals(Types.NUMERIC, columns.getColumnType(3));
            assertEquals(12, columns.getPrecision(3));
            assertEquals(2, columns.getScale(3));
            assertEquals("java.math.BigDecimal", columns.getColumnClassName(4));
            assertEquals("", columns.getTableName(1));
            assertEquals(ResultSetMetaData.columnNullableUnknown, columns.isNullable(1));
            assertTrue(columns.isSigned(1));
        }
    }
}
