package meshgate.postgres;

import static meshgate.postgres.Front.connect;
import static meshgate.postgres.Front.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import meshgate.jdbc.Feature;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;

/** Statements: cursors, limits, errors, how they are stopped, and pools of connections. */
class StatementsTest {
    private static final String LONG =
            "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id";

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

    @Feature("one million rows")
    @Test
    void aMillionRowsByACursor() throws SQLException {
        connection.setAutoCommit(false);
        statement.setFetchSize(10_000);
        try (ResultSet result = statement.executeQuery("SELECT id FROM sales.shop.million")) {
            long count = 0;
            long sum = 0;
            while (result.next()) {
                count++;
                sum += result.getLong(1);
            }
            assertEquals(1_000_000, count);
            assertEquals(499_999_500_000L, sum);
        }
        connection.commit();
    }

    @Test
    void cursorsReadSideBySide() throws SQLException {
        connection.setAutoCommit(false);
        String sql = "SELECT id FROM sales.shop.many ORDER BY id";
        try (Statement other = connection.createStatement()) {
            statement.setFetchSize(7);
            other.setFetchSize(11);
            try (ResultSet one = statement.executeQuery(sql);
                    ResultSet two = other.executeQuery(sql + " DESC")) {
                for (long i = 0; i < 100; i++) {
                    assertTrue(one.next());
                    assertTrue(two.next());
                    assertEquals(199_999, one.getLong(1) + two.getLong(1));
                }
            }
        }
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
        connection.rollback();
    }

    @Test
    void atMostSoManyRows() throws SQLException {
        statement.setMaxRows(7);
        assertEquals(7, rows(statement.executeQuery("SELECT id FROM sales.shop.many")).size());
        statement.setMaxRows(0);
        assertEquals(100, rows(statement.executeQuery("SELECT id FROM sales.shop.orders")).size());
    }

    @Test
    void aResultIsReadToAndFro() throws SQLException {
        try (Statement scrolling =
                        connection.createStatement(
                                ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY);
                ResultSet result =
                        scrolling.executeQuery("SELECT id FROM sales.shop.orders ORDER BY id")) {
            assertTrue(result.last());
            assertEquals(100, result.getRow());
            assertTrue(result.absolute(3));
            assertEquals(3, result.getLong(1));
        }
    }

    @Test
    void severalStatementsInOneText() throws SQLException {
        assertTrue(statement.execute("SELECT 1; SELECT 2, 3"));
        assertEquals(List.of("1"), rows(statement.getResultSet()));
        assertTrue(statement.getMoreResults());
        assertEquals(List.of("2|3"), rows(statement.getResultSet()));
        assertFalse(statement.getMoreResults());
    }

    @Test
    void whatJdbcWritesInBraces() throws SQLException {
        assertEquals(
                List.of("abc|3|2024-02-29"),
                rows(connection, "SELECT {fn lcase('ABC')}, {fn length('abc ')}, {d '2024-02-29'}"));
        assertEquals(
                List.of("100"),
                rows(
                        connection,
                        "SELECT count(*) FROM {oj sales.shop.orders a LEFT OUTER JOIN"
                                + " sales.keyed.items b ON a.id = b.id}"));
    }

    @Feature("error with position")
    @Test
    void anErrorSaysWhere() {
        PSQLException error =
                assertThrows(
                        PSQLException.class,
                        () -> statement.executeQuery("SELECT id,\n nope FROM sales.shop.orders"));
        assertEquals("42703", error.getSQLState());
        assertEquals(13, error.getServerErrorMessage().getPosition());
        PSQLException unknown =
                assertThrows(
                        PSQLException.class,
                        () -> statement.executeQuery("SELECT * FROM sales.shop.ordres"));
        assertEquals("did you mean sales.shop.orders?", unknown.getServerErrorMessage().getHint());
    }

    @Feature("writing")
    @Test
    void changesAreRefused() throws SQLException {
        for (String sql :
                List.of(
                        "DELETE FROM sales.shop.orders",
                        "INSERT INTO sales.shop.orders VALUES (1, 'x', 1)",
                        "CREATE TABLE t (id INT)")) {
            SQLException error =
                    assertThrows(SQLException.class, () -> statement.executeUpdate(sql), sql);
            assertEquals("25006", error.getSQLState());
        }
        String insert = "INSERT INTO sales.shop.orders (id) VALUES (?)";
        try (PreparedStatement prepared = connection.prepareStatement(insert)) {
            prepared.setLong(1, 7);
            SQLException error = assertThrows(SQLException.class, prepared::executeUpdate);
            assertEquals("25006", error.getSQLState());
        }
        statement.addBatch("DELETE FROM sales.shop.orders");
        assertThrows(SQLException.class, statement::executeBatch);
        assertEquals(List.of("100"), rows(connection, "SELECT count(*) FROM sales.shop.orders"));
    }

    @Feature("cancel")
    @Test
    void cancelStopsTheQuery() throws Exception {
        var stopper =
                CompletableFuture.runAsync(
                        () -> {
                            try {
                                statement.cancel();
                            } catch (SQLException error) {
                                throw new AssertionError(error);
                            }
                        },
                        CompletableFuture.delayedExecutor(500, TimeUnit.MILLISECONDS));
        SQLException error = assertThrows(SQLException.class, () -> statement.executeQuery(LONG));
        assertEquals("57014", error.getSQLState());
        stopper.get(5, TimeUnit.SECONDS);
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }

    @Feature("timeout")
    @Test
    void aTimeoutStopsTheQuery() throws SQLException {
        statement.setQueryTimeout(1);
        SQLException error = assertThrows(SQLException.class, () -> statement.executeQuery(LONG));
        assertEquals("57014", error.getSQLState());
        statement.setQueryTimeout(0);
        statement.execute("SET statement_timeout = 300");
        error = assertThrows(SQLException.class, () -> statement.executeQuery(LONG));
        assertTrue(error.getMessage().contains("statement_timeout"), error::getMessage);
        assertEquals(List.of("1"), rows(connection, "SELECT 1"));
    }

    @Test
    void copyingOut() throws Exception {
        StringWriter csv = new StringWriter();
        String sql = "COPY (SELECT id, customer FROM sales.shop.orders WHERE id < 3) TO STDOUT (FORMAT csv)";
        assertEquals(2, connection.unwrap(PGConnection.class).getCopyAPI().copyOut(sql, csv));
        assertEquals("1,customer 0\n2,customer 1\n", csv.toString());
    }

    @Test
    void aPoolOfConnections() throws Exception {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(Front.url(Front.PORT, "mesh"));
        config.setUsername(Front.ALICE[0]);
        config.setPassword(Front.ALICE[1]);
        config.setMaximumPoolSize(8);
        config.setReadOnly(true);
        config.setAutoCommit(false);
        config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        config.setConnectionTestQuery("SELECT 1");
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            List<Callable<List<String>>> work = new ArrayList<>();
            for (int i = 1; i <= 40; i++) {
                String sql = "SELECT " + (i % 10 == 0 ? "nothing" : i + " * count(*)");
                work.add(
                        () -> {
                            try (Connection connection = pool.getConnection()) {
                                return rows(connection, sql + " FROM sales.shop.orders");
                            } catch (SQLException error) {
                                return List.of(error.getSQLState());
                            }
                        });
            }
            int id = 0;
            for (Future<List<String>> answer : threads.invokeAll(work)) {
                id++;
                assertEquals(List.of(id % 10 == 0 ? "42703" : "" + id * 100), answer.get());
            }
            assertTrue(pool.getHikariPoolMXBean().getTotalConnections() <= 8);
        } finally {
            threads.shutdown();
        }
    }
}
