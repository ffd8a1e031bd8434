package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Statements: joins, rights, limits, errors, and how they are stopped. */
class StatementsTest {
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

    @EveryDriver
    @Test
    void aJoinOfFourSources() throws SQLException {
        assertEquals(
                List.of("even|40|495.00", "odd|60|742.50"),
                rows(
                        connection,
                        """
                        SELECT t.label, count(*), sum(o.amount)
                        FROM shop.sales.orders o
                        JOIN shop.crm.customers c ON c.id = o.customer_id
                        JOIN shop.stock.products p ON p.id = o.product_id
                        JOIN shop.terms.categories t ON t.id = p.category_id
                        GROUP BY t.label ORDER BY t.label"""));
    }

    @EveryDriver
    @Test
    void twoUsersSeeDifferentRows() throws SQLException {
        String sql = "SELECT id, email, region FROM customers ORDER BY id LIMIT 2";
        assertEquals(List.of("1|c001@example.org|EU", "2|c002@example.org|US"), rows(connection, sql));
        try (Connection ben = Gateway.connectAs(Gateway.BEN)) {
            assertEquals(List.of("1|c0***|EU", "3|c0***|EU"), rows(ben, sql));
            SQLException denied =
                    assertThrows(
                            SQLException.class, () -> rows(ben, "SELECT * FROM lab.types.odd"));
            assertTrue(denied.getMessage().contains("[UNKNOWN_DATASET]"), denied::getMessage);
        }
    }

    @EveryDriver
    @Feature("one million rows")
    @Test
    void aMillionRows() throws SQLException {
        statement.setFetchSize(1000);
        try (ResultSet result = statement.executeQuery("SELECT id, amount, name FROM events")) {
            long count = 0;
            long sum = 0;
            long amounts = 0;
            while (result.next()) {
                count++;
                sum += result.getLong(1);
                amounts += result.getInt(2);
            }
            assertEquals(1_000_000, count);
            assertEquals(499_999_500_000L, sum);
            assertEquals(499_500_000L, amounts);
        }
    }

    @EveryDriver
    @Feature("error with position")
    @Test
    void anErrorSaysWhere() {
        SQLException error =
                assertThrows(
                        SQLException.class,
                        () -> statement.executeQuery("SELECT id,\n       nome FROM customers"));
        assertTrue(error.getMessage().contains("(line 2, column 8)"), error::getMessage);
        assertTrue(error.getMessage().contains("name"), error::getMessage);
        assertFalse(error.getMessage().contains("Traceback"), error::getMessage);
    }

    @Test
    void anErrorLeavesTheConnectionWhole() throws SQLException {
        assertThrows(SQLException.class, () -> statement.executeQuery("SELEC 1"));
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }

    @Feature("writing")
    @Test
    void changesAreRefused() throws SQLException {
        for (String sql :
                List.of(
                        "DELETE FROM customers",
                        "INSERT INTO customers VALUES (11, 'x', 'y', 'EU')",
                        "CREATE TABLE t (id INT)")) {
            SQLException error =
                    assertThrows(SQLException.class, () -> statement.executeUpdate(sql), sql);
            assertTrue(error.getMessage().contains("UNSUPPORTED"), error::getMessage);
        }
        assertEquals(List.of("10"), rows(connection, "SELECT count(*) FROM customers"));
    }

    @EveryDriver
    @Test
    void atMostSoManyRows() throws SQLException {
        statement.setMaxRows(7);
        assertEquals(7, statement.getMaxRows());
        assertEquals(7, rows(statement.executeQuery("SELECT id FROM events")).size());
        statement.setMaxRows(0);
        assertEquals(100, rows(statement.executeQuery("SELECT id FROM orders")).size());
    }

    @Test
    void aStatementIsUsedAgain() throws SQLException {
        for (int i = 0; i < 3; i++) {
            assertTrue(statement.execute("SELECT " + i));
            assertEquals(List.of(String.valueOf(i)), rows(statement.getResultSet()));
        }
        assertEquals(List.of(), rows(statement.executeQuery("SELECT id FROM orders WHERE id < 0")));
    }

    @Test
    void severalStatementsAtOnce() throws SQLException {
        try (Statement other = connection.createStatement();
                ResultSet events = statement.executeQuery("SELECT id FROM events ORDER BY id");
                ResultSet orders = other.executeQuery("SELECT id FROM orders ORDER BY id")) {
            for (int i = 0; i < 100; i++) {
                assertTrue(events.next());
                assertTrue(orders.next());
                assertEquals(events.getLong(1) + 1, orders.getLong(1));
            }
        }
    }

    @Test
    void halfReadResultsAreLeft() throws SQLException {
        for (int i = 0; i < 5; i++) {
            try (ResultSet result = statement.executeQuery("SELECT id FROM events")) {
                assertTrue(result.next());
            }
        }
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }

    @EveryDriver
    @Feature("cancel")
    @Test
    void cancelStopsTheReading() throws Exception {
        try (ResultSet result = statement.executeQuery("SELECT id FROM ops.probe.endless")) {
            assertTrue(result.next());
            var stopper =
                    CompletableFuture.runAsync(
                            () -> {
                                try {
                                    statement.cancel();
                                } catch (SQLException error) {
                                    throw new AssertionError(error);
                                }
                            },
                            CompletableFuture.delayedExecutor(300, TimeUnit.MILLISECONDS));
            assertTimeoutPreemptively(
                    Duration.ofSeconds(8),
                    () ->
                            assertThrows( // an SQLException, or whatever the reading ran into
                                    Exception.class,
                                    () -> {
                                        while (result.next()) {
                                            result.getLong(1);
                                        }
                                    }));
            stopper.get(5, TimeUnit.SECONDS);
        }
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }

    @EveryDriver
    @Feature("timeout")
    @Test
    void aTimeoutOfTheDriverStopsTheWaiting() throws SQLException {
        // At the gateway the query goes on until its own timeout: closing would wait for it.
        try (Connection impatient = connect("x-meshgate-timeout", "2");
                Statement waiting = impatient.createStatement()) {
            waiting.setQueryTimeout(1);
            assertEquals(1, waiting.getQueryTimeout());
            SQLException error =
                    assertThrows(
                            SQLException.class,
                            () -> waiting.executeQuery("SELECT id FROM ops.probe.blocked"));
            String text = "Query timed out after 1 SECONDS";
            assertTrue(error.toString().contains(text), error::toString);
        }
    }

    @EveryDriver
    @Feature("timeout")
    @Test
    void aTimeoutOfTheGatewayStopsTheQuery() throws SQLException {
        try (Connection impatient = connect("timeout", "1")) {
            SQLException error =
                    assertThrows(
                            SQLException.class,
                            () -> rows(impatient, "SELECT id FROM ops.probe.blocked"));
            assertTrue(error.toString().contains("TIMEOUT"), error::toString);
            assertEquals(List.of("1"), rows(impatient, "SELECT 1"));
        }
    }

    @Test
    void whatAResultSaysOfItsColumns() throws SQLException {
        String sql = "SELECT id, name AS called, amount * 2 AS twice FROM customers JOIN orders USING (id)";
        try (ResultSet result = statement.executeQuery(sql)) {
            ResultSetMetaData columns = result.getMetaData();
            assertEquals(3, columns.getColumnCount());
            assertEquals("called", columns.getColumnName(2));
            assertEquals("called", columns.getColumnLabel(2));
            assertEquals(Types.BIGINT, columns.getColumnType(1));
            assertEquals(Types.VARCHAR, columns.getColumnType(2));
            assertEquals(Types.DECIMAL, columns.getColumnType(3));
            assertEquals("DECIMAL", columns.getColumnTypeName(3));
            assertEquals(2, columns.getScale(3));
            assertTrue(columns.getPrecision(3) >= 12);
            assertEquals(2, result.findColumn("called"));
            assertThrows(SQLException.class, () -> result.findColumn("nothing"));
        }
    }
}
