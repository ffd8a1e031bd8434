package meshgate.jdbc;

import static meshgate.jdbc.Gateway.connect;
import static meshgate.jdbc.Gateway.connectWith;
import static meshgate.jdbc.Gateway.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Getting in, by every way there is, and being kept out. */
class ConnectTest {
    private static final List<String> ONE = List.of("1");

    private static void works(Connection connection) throws SQLException {
        try (connection) {
            assertEquals(ONE, rows(connection, "SELECT 1"));
            assertTrue(connection.isValid(5));
        }
        assertTrue(connection.isClosed());
    }

    @EveryDriver
    @Feature("user and password")
    @Test
    void userAndPassword() throws SQLException {
        works(connect());
    }

    @Test
    void everythingInTheUrl() throws SQLException {
        String parameters = "/?useEncryption=false&user=ana&password=ana%27s%20password";
        works(DriverManager.getConnection(Gateway.url(Gateway.PORT) + parameters));
    }

    @EveryDriver
    @Feature("token")
    @Test
    void token() throws SQLException {
        works(connectWith(Gateway.PORT, "token", Gateway.TOKEN, "useEncryption", "false"));
    }

    @Feature("token")
    @Test
    void tokenWithAUserBesideIt() throws SQLException {
        works(
                connectWith(
                        Gateway.PORT, "token", Gateway.TOKEN, "user", "whoever", "useEncryption", "false"));
    }

    @Test
    void wrongTokenIsRefused() {
        refused("token", "e30.e30.e30", "useEncryption", "false");
    }

    @EveryDriver
    @Test
    void wrongPasswordIsRefused() {
        refused("user", "ana", "password", "guess", "useEncryption", "false");
    }

    @Test
    void nobodyIsRefused() {
        refused("useEncryption", "false");
    }

    private static void refused(String... parameters) {
        SQLException error =
                assertThrows(
                        SQLException.class,
                        () -> {
                            try (Connection connection = connectWith(Gateway.PORT, parameters)) {
                                rows(connection, "SELECT 1");
                            }
                        });
        assertTrue(error.toString().contains("UNAUTHENTICATED"), error::toString);
    }

    @EveryDriver
    @Feature("TLS")
    @Test
    void tlsWithATrustStore() throws SQLException {
        String[] user = Gateway.ANA;
        works(
                connectWith(
                        Gateway.TLS_PORT,
                        "user", user[0],
                        "password", user[1],
                        "trustStore", Gateway.TRUST_STORE,
                        "trustStorePassword", "changeit",
                        "useSystemTrustStore", "false"));
    }

    @Feature("TLS")
    @Test
    void tlsWithACertificate() throws SQLException {
        String[] user = Gateway.ANA;
        works(
                connectWith(
                        Gateway.TLS_PORT,
                        "user", user[0],
                        "password", user[1],
                        "tlsRootCerts", Gateway.AUTHORITY,
                        "useSystemTrustStore", "false"));
    }

    @Feature("TLS")
    @Test
    void tlsWithoutVerification() throws SQLException {
        String[] user = Gateway.ANA;
        works(
                connectWith(
                        Gateway.TLS_PORT,
                        "user", user[0],
                        "password", user[1],
                        "disableCertificateVerification", "true"));
    }

    @Test
    void anUnknownCertificateIsRefused() {
        String[] user = Gateway.ANA;
        SQLException error =
                assertThrows(
                        SQLException.class,
                        () -> connectWith(Gateway.TLS_PORT, "user", user[0], "password", user[1]));
        assertNotNull(error.getMessage());
    }

    @EveryDriver
    @Feature("purpose")
    @Test
    void purpose() throws SQLException {
        try (Connection connection = connect("purpose", "care")) {
            assertEquals(List.of("3"), rows(connection, "SELECT count(*) FROM visits"));
        }
        try (Connection connection = connect()) {
            assertThrows(SQLException.class, () -> rows(connection, "SELECT count(*) FROM visits"));
        }
    }

    @Test
    void aPurposeThatIsNotGrantedShowsNothing() throws SQLException {
        try (Connection connection = connect("purpose", "marketing")) {
            assertThrows(SQLException.class, () -> rows(connection, "SELECT count(*) FROM visits"));
        }
    }

    @Test
    void modesOfAConnection() throws SQLException {
        try (Connection connection = connect()) {
            assertTrue(connection.getAutoCommit());
            connection.setReadOnly(true);
            assertTrue(connection.isReadOnly());
            connection.setTransactionIsolation(Connection.TRANSACTION_NONE);
            assertEquals(Connection.TRANSACTION_NONE, connection.getTransactionIsolation());
            assertEquals(ONE, rows(connection, "SELECT 1"));
        }
    }

    @Feature("transactions")
    @Test
    void commitAndRollbackChangeNothing() throws SQLException {
        try (Connection connection = connect()) {
            assertFalse(connection.getMetaData().supportsTransactions());
            connection.setAutoCommit(false);
            assertEquals(ONE, rows(connection, "SELECT 1"));
            connection.commit();
            assertEquals(ONE, rows(connection, "SELECT 1"));
            connection.rollback();
            connection.setAutoCommit(true);
            assertEquals(ONE, rows(connection, "SELECT 1"));
        }
    }

    @Test
    void aClosedConnectionAnswersNothing() throws SQLException {
        Connection connection = connect();
        connection.close();
        connection.close();
        assertFalse(connection.isValid(1));
        assertThrows(SQLException.class, connection::createStatement);
    }
}
