package meshgate.jdbc;

import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Connections in a pool: HikariCP. */
class PoolTest {
    private static final int SIZE = 16;

    private static HikariDataSource pool(int size) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(Gateway.url(Gateway.PORT) + "/?useEncryption=false");
        config.setUsername(Gateway.ANA[0]);
        config.setPassword(Gateway.ANA[1]);
        config.setMaximumPoolSize(size);
        config.setMinimumIdle(size);
        config.setReadOnly(true);
        return new HikariDataSource(config);
    }

    @Test
    void sixteenConnectionsAtOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(SIZE);
        try (HikariDataSource pool = pool(SIZE)) {
            List<Callable<List<String>>> work = new ArrayList<>();
            for (int i = 1; i <= 96; i++) {
                int id = i;
                work.add(
                        () -> {
                            try (Connection connection = pool.getConnection()) {
                                return rows(connection, "SELECT " + id + " * count(*) FROM orders");
                            }
                        });
            }
            int id = 0;
            for (Future<List<String>> answer : threads.invokeAll(work)) {
                assertEquals(List.of(String.valueOf(++id * 100)), answer.get());
            }
            assertTrue(pool.getHikariPoolMXBean().getTotalConnections() <= SIZE);
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void aConnectionIsGivenBackAndTakenAgain() throws SQLException {
        try (HikariDataSource pool = pool(1)) {
            for (int i = 0; i < 3; i++) {
                try (Connection connection = pool.getConnection()) {
                    assertTrue(connection.isValid(1));
                    assertEquals(List.of("1"), rows(connection, "SELECT 1"));
                }
            }
            assertEquals(1, pool.getHikariPoolMXBean().getTotalConnections());
        }
    }

    @Test
    void aMistakeDoesNotSpoilThePool() throws SQLException {
        try (HikariDataSource pool = pool(1)) {
            try (Connection connection = pool.getConnection()) {
                rows(connection, "SELECT nothing");
            } catch (SQLException expected) {
                assertTrue(expected.getMessage().contains("nothing"));
            }
            try (Connection connection = pool.getConnection()) {
                assertEquals(List.of("1"), rows(connection, "SELECT 1"));
            }
        }
    }
}
