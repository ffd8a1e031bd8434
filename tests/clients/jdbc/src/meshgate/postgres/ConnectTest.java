package meshgate.postgres;

import static meshgate.postgres.Front.ALICE;
import static meshgate.postgres.Front.connect;
import static meshgate.postgres.Front.connectAs;
import static meshgate.postgres.Front.connectTo;
import static meshgate.postgres.Front.rows;
import static meshgate.postgres.Front.url;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.List;
import java.util.concurrent.Executors;
import meshgate.jdbc.Feature;
import org.junit.jupiter.api.Test;

/** Connections: who may have one, what they are told, and their transactions. */
class ConnectTest {
    private static final String COUNT = "SELECT count(*) FROM sales.shop.orders";

    private static void works(Connection connection) throws SQLException {
        try (connection) {
            assertEquals(List.of("100"), rows(connection, COUNT));
            assertTrue(connection.isValid(5));
        }
        assertTrue(connection.isClosed());
    }

    @Feature("user and password")
    @Test
    void userAndPassword() throws SQLException {
        works(connect());
        works(DriverManager.getConnection(url(Front.PORT, "mesh?user=alice&password=wonderland")));
    }

    @Feature("user and password")
    @Test
    void aWrongPasswordIsRefused() {
        String[] wrong = {"alice", "guess"};
        SQLException error = assertThrows(SQLException.class, () -> connectAs(wrong));
        assertEquals("28P01", error.getSQLState());
    }

    @Feature("token")
    @Test
    void tokenAsPassword() throws SQLException {
        works(connectAs(new String[] {"token", Front.TOKEN}));
    }

    @Feature("TLS")
    @Test
    void tlsIsVerified() throws SQLException {
        String url = url(Front.TLS_PORT, "mesh");
        works(connectTo(url, ALICE, "sslmode", "verify-full", "sslrootcert", Front.AUTHORITY));
        works(connectTo(url, ALICE, "sslmode", "require"));
        SQLException error =
                assertThrows(
                        SQLException.class,
                        () ->
                                connectTo(
                                        url, ALICE, "sslmode", "verify-full", "sslrootcert",
                                        Front.STRANGER));
        assertTrue(error.getMessage().startsWith("SSL error"), error::getMessage);
    }

    /** Only SCRAM binds a channel; an option of libpq means nothing to this driver. */
    @Test
    void passwordsAreAskedForAsTheyAre() throws SQLException {
        String url = url(Front.TLS_PORT, "mesh");
        works(connectTo(url, ALICE, "sslmode", "require", "requireAuth", "scram-sha-256"));
        SQLException error =
                assertThrows(
                        SQLException.class,
                        () ->
                                connectTo(
                                        url, ALICE, "sslmode", "require", "channelBinding",
                                        "require"));
        assertTrue(error.getMessage().toLowerCase().contains("channel"), error::getMessage);
    }

    /** The connection strings of docs/clients/pgjdbc.md, with the names in them replaced. */
    @Test
    void everyConnectionString() throws Exception {
        List<String> strings =
                Files.readAllLines(Path.of(System.getProperty("gateway.page"))).stream()
                        .filter(line -> line.startsWith("jdbc:postgresql:"))
                        .toList();
        assertTrue(strings.size() >= 5, strings::toString);
        for (String string : strings) {
            String url =
                    string.replace("localhost:5432", "127.0.0.1:" + Front.PORT)
                            .replace("gateway.example.org:5432", "127.0.0.1:" + Front.TLS_PORT)
                            .replace("/etc/meshgate/authority.pem", Front.AUTHORITY)
                            .replace("PASSWORD", ALICE[1])
                            .replace("TOKEN", Front.TOKEN);
            works(DriverManager.getConnection(url));
        }
    }

    @Test
    void everyQueryMode() throws SQLException {
        for (String mode :
                List.of("extended", "extendedForPrepared", "extendedCacheEverything", "simple")) {
            works(connect("preferQueryMode", mode));
        }
        for (String kind : List.of("any", "secondary", "preferSecondary", "preferPrimary")) {
            works(connect("targetServerType", kind));
        }
        works(connect("readOnly", "true", "readOnlyMode", "always"));
        works(connect("assumeMinServerVersion", "9.4", "ApplicationName", "checks"));
    }

    @Feature("session options")
    @Test
    void optionsOfTheGateway() throws SQLException {
        try (Connection connection = connect("options", "-c meshgate.placement=pull")) {
            assertEquals(List.of("pull"), rows(connection, "SHOW meshgate.placement"));
        }
        SQLException error =
                assertThrows(
                        SQLException.class, () -> connect("options", "-c meshgate.nothing=1"));
        assertTrue(error.getMessage().contains("nothing"), error::getMessage);
    }

    @Feature("purpose")
    @Test
    void purposesAreDeclared() throws SQLException {
        try (Connection connection = connect("options", "-c meshgate.purpose=reporting")) {
            assertEquals(List.of("reporting"), rows(connection, "SHOW meshgate.purpose"));
            assertEquals(List.of("100"), rows(connection, COUNT));
        }
        SQLException error =
                assertThrows(
                        SQLException.class, () -> connect("options", "-c meshgate.purpose=fun"));
        assertTrue(error.getMessage().contains("fun is not granted"), error::getMessage);
    }

    @Test
    void whereAConnectionIs() throws SQLException {
        String url = url(Front.PORT, "sales");
        try (Connection connection = connectTo(url, ALICE, "currentSchema", "shop")) {
            assertEquals("sales", connection.getCatalog());
            assertEquals("shop", connection.getSchema());
            assertEquals(List.of("100"), rows(connection, "SELECT count(*) FROM orders"));
            connection.setSchema("keyed");
            assertEquals("keyed", connection.getSchema());
            assertEquals(List.of("0"), rows(connection, "SELECT count(*) FROM items"));
        }
        try (Connection connection = connect()) {
            assertNull(connection.getSchema());
        }
    }

    @Test
    void modesOfAConnection() throws SQLException {
        try (Connection connection = connect()) {
            assertTrue(connection.getAutoCommit());
            connection.setReadOnly(true);
            assertTrue(connection.isReadOnly());
            for (int level :
                    List.of(
                            Connection.TRANSACTION_READ_COMMITTED,
                            Connection.TRANSACTION_SERIALIZABLE,
                            Connection.TRANSACTION_REPEATABLE_READ)) {
                connection.setTransactionIsolation(level);
                assertEquals(List.of("1"), rows(connection, "SELECT 1"));
            }
            connection.setClientInfo("ApplicationName", "a report");
            assertEquals("a report", connection.getClientInfo("ApplicationName"));
            assertEquals(List.of("a report"), rows(connection, "SHOW application_name"));
            connection.setNetworkTimeout(Executors.newSingleThreadExecutor(), 30_000);
            assertEquals(List.of("1"), rows(connection, "SELECT 1"));
            assertNull(connection.getWarnings());
        }
    }

    @Feature("transactions")
    @Test
    void transactions() throws SQLException {
        try (Connection connection = connect()) {
            connection.setReadOnly(true);
            connection.setAutoCommit(false);
            assertEquals(List.of("100"), rows(connection, COUNT));
            Savepoint place = connection.setSavepoint("place");
            assertThrows(SQLException.class, () -> rows(connection, "SELECT nothing"));
            SQLException failed = assertThrows(SQLException.class, () -> rows(connection, COUNT));
            assertEquals("25P02", failed.getSQLState());
            connection.rollback(place);
            connection.releaseSavepoint(place);
            assertEquals(List.of("100"), rows(connection, COUNT));
            connection.commit();
            SQLException refused =
                    assertThrows(
                            SQLException.class,
                            () -> rows(connection, "DELETE FROM sales.shop.orders"));
            assertEquals("25006", refused.getSQLState());
            connection.rollback();
            connection.setReadOnly(false);
            connection.setAutoCommit(true);
            assertEquals(List.of("100"), rows(connection, COUNT));
        }
    }

    @Test
    void aFailedStatementCanBeUndoneByItself() throws SQLException {
        try (Connection connection = connect("autosave", "always")) {
            connection.setAutoCommit(false);
            assertThrows(SQLException.class, () -> rows(connection, "SELECT nothing"));
            assertEquals(List.of("100"), rows(connection, COUNT));
            connection.commit();
        }
    }

    @Test
    void twoUsersSeeDifferentDatasets() throws SQLException {
        String sql = "SELECT count(*) FROM hr.staff.people";
        try (Connection alice = connect();
                Connection bob = connectAs(Front.BOB)) {
            assertEquals(List.of("2"), rows(alice, sql));
            SQLException error = assertThrows(SQLException.class, () -> rows(bob, sql));
            assertEquals("42P01", error.getSQLState());
            assertFalse(error.getMessage().contains("people@"), error::getMessage);
        }
    }
}
